/* The control channel's messages: a header of 8 bytes - type, VM, request number, length - and the text. */
#include "monitor/control.h"
#include "drivers/drivers.h"
#include "monitor/monitor.h"

/* From the host: COMMAND, INPUT, QUERY. To it: OUTPUT, LINE, DONE, STATISTICS. */
enum type { COMMAND = 1, INPUT = 2, QUERY = 3, OUTPUT = 16, LINE = 17, DONE = 18, STATISTICS = 19 };
enum { FLUSH_MS = 10, MAX_TEXT = 256, FINAL = 0xffff };

struct header { u8 type, vm; u16 id; u32 length; };
_Static_assert(sizeof(struct header) == 8, "as the host packs it");

static struct spinlock lock;
static bool present;
static u64 flush_at = FOREVER;
static u16 statistics_id;                    /* of the request that statistics_write works for */

static void send(enum type type, u32 vm, u32 id, const char *text, u32 length)
{
    struct header h = {(u8)type, (u8)vm, (u16)id, length};

    spin_lock(&lock);
    stream_write(&h, sizeof(h));
    stream_write(text, length);
    if (type != DONE)
        flush_at = min_u64(flush_at, rdtime() + platform.timebase / 1000 * FLUSH_MS);
    else {
        stream_flush();
        flush_at = FOREVER;
    }
    spin_unlock(&lock);
}

void control_output(u32 vm, const char *text, u64 length)
{
    for (u64 part; present && length; text += part, length -= part) {
        part = min_u64(length, 1024);
        send(OUTPUT, vm, 0, text, (u32)part);
    }
}

u64 control_flush_stale(u64 now)
{
    if (now < __atomic_load_n(&flush_at, __ATOMIC_RELAXED))
        return flush_at;
    spin_lock(&lock);
    stream_flush();
    flush_at = FOREVER;
    spin_unlock(&lock);
    return FOREVER;
}

static void to_host(const struct asker *a, const char *line) { send(LINE, 0, a->id, line, (u32)strlen(line)); }

static void put_statistics(const char *text, u32 length) { send(STATISTICS, 0, statistics_id, text, length); }

static void send_statistics(u16 id)
{
    statistics_id = id;
    statistics_write(put_statistics);
    send(DONE, 0, id, "", 0);
}

void control_finish(void)
{
    if (present)
        send_statistics(FINAL);
}

static void command(const struct header *h, char *text)
{
    struct asker host = {to_host, h->id};
    bool ok = monitor_execute(&host, text);

    send(DONE, ok ? 0 : 1, h->id, "", 0);
}

/* One message after the other, in whatever pieces they come. Input passes at once, the rest is gathered first. */
static void received(const u8 *data, u32 length)
{
    static struct header h;
    static char text[MAX_TEXT];
    static u32 have;                         /* bytes of header and text */

    for (; length; data++, length--) {
        if (have < sizeof(h)) {
            ((u8 *)&h)[have++] = *data;
        } else {
            u32 at = have++ - (u32)sizeof(h);
            if (h.type == INPUT && h.vm < vm_count)
                vm_input(&vms[h.vm], (char)*data);
            else if (at < MAX_TEXT - 1)
                text[at] = (char)*data;
        }
        if (have < sizeof(h) || have - sizeof(h) < h.length)
            continue;
        text[min_u64(h.length, MAX_TEXT - 1)] = 0;
        have = 0;
        if (h.type == COMMAND)
            command(&h, text);
        else if (h.type == QUERY)
            send_statistics(h.id);
    }
}

void control_init(void)
{
    present = platform.has_control && stream_init(platform.control_slot, received);
    if (platform.has_control && !present)
        hv_log("the control console in slot %u cannot be used", platform.control_slot);
}
