/* All counters as one JSON document (RFC 8259), written in pieces. Times are nanoseconds, sizes bytes. */
#include "monitor/monitor.h"

static void (*output)(const char *text, u32 length);
static bool comma;

static void put(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *fmt, ...)
{
    char text[160];
    va_list ap;

    va_start(ap, fmt);
    output(text, (u32)vformat(text, sizeof(text), fmt, ap));
    va_end(ap);
}

/* The comma before a member unless it is the first, and its name unless it stands in an array. */
static void name(const char *key)
{
    put(key ? "%s\"%s\":" : "%s", comma ? "," : "", key ? key : "");
    comma = true;
}

static void open(const char *key, char bracket)
{
    name(key);
    put("%c", bracket);
    comma = false;
}

static void close(char bracket)
{
    put("%c", bracket);
    comma = true;
}

static void number(const char *key, u64 value)
{
    name(key);
    put("%lu", value);
}

static void string(const char *key, const char *s)
{
    name(key);
    put("\"");
    for (; *s; s++)
        put(*s == '"' || *s == '\\' ? "\\%c" : (u8)*s < ' ' || (u8)*s > '~' ? "?" : "%c", *s);
    put("\"");
}

static void exits(const u64 *counts)
{
    open("exits", '[');
    for (u32 i = 0; i < STAT_CAUSES; i++) {
        if (!counts[i])
            continue;
        open(NULL, '{');
        number("cause", i < STAT_INTERRUPT ? i : i - STAT_INTERRUPT);
        name("interrupt");
        put(i < STAT_INTERRUPT ? "false" : "true");
        string("name", monitor_exit_name(i));
        number("count", counts[i]);
        close('}');
    }
    close(']');
}

static void times(const struct vcpu_stats *s)
{
    number("run_ns", monitor_ns(s->run_time));
    number("steal_ns", monitor_ns(s->steal_time));
    number("wait_ns", monitor_ns(s->wait_time));
    number("wakeups", s->wakeups);
    number("wake_latency_ns", monitor_ns(s->wake_latency));
    number("wake_latency_max_ns", monitor_ns(s->wake_latency_max));
    exits(s->exits);
}

static void vcpu(const struct vcpu *v)
{
    open(NULL, '{');
    number("id", v->id);
    string("state", monitor_vcpu_state(v));
    number("pc", v->pc);
    struct vcpu_stats s = monitor_vcpu_stats(v);
    times(&s);
    close('}');
}

static void vm_object(const struct vm *vm)
{
    struct vm_stats s;

    monitor_collect(vm, &s);
    open(NULL, '{');
    string("name", vm->label);
    string("state", vm_state_name(vm));
    times(&s.cpu);
    open("memory", '{');
    number("limit", s.memory.limit);
    number("resident", s.memory.resident);
    number("shared", s.memory.shared);
    number("ballooned", s.memory.ballooned);
    number("tables", s.memory.tables);
    close('}');
    open("disk", '{');
    number("reads", s.disk.reads);
    number("read_bytes", s.disk.read_bytes);
    number("writes", s.disk.writes);
    number("written_bytes", s.disk.written_bytes);
    number("flushes", s.disk.flushes);
    number("discards", s.disk.discards);
    number("errors", s.disk.errors);
    close('}');
    open("net", '{');
    number("sent", s.net.sent);
    number("sent_bytes", s.net.sent_bytes);
    number("received", s.net.received);
    number("received_bytes", s.net.received_bytes);
    number("dropped", s.net.dropped);
    number("refused", s.net.refused);
    close('}');
    open("vcpus", '[');
    for (u32 i = 0; i < vm->vcpu_count && vm->created; i++)
        vcpu(&vm->vcpu[i]);
    close(']');
    close('}');
}

void statistics_write(void (*to)(const char *text, u32 length))
{
    output = to;
    comma = false;
    open(NULL, '{');
    number("time_ns", monitor_ns(rdtime()));
    number("harts", hart_count);
    number("free_memory", ram_free_bytes() + frames_free_bytes());
    open("vms", '[');
    for (u32 i = 0; i < vm_count; i++)
        vm_object(&vms[i]);
    close(']');
    close('}');
}
