/* Console multiplexer: line buffering and labels on the way out, the escape key on the way in. */
#include "console.h"
#include "drivers/drivers.h"
#include "monitor/control.h"
#include "monitor/monitor.h"
#include "vm.h"

enum { ESCAPE_KEY = 0x1d /* Ctrl-] */, ESC = 0x1b, FLUSH_MS = 50 };

static struct spinlock console_lock;
static struct vm *open_line;          /* whose unfinished line the terminal's cursor stands on */
static u32 focus;                     /* index of the VM that has the keyboard */
static bool escaped;
static char prompt[80];               /* the monitor's line, below all others; empty: it is closed */
static u32 prompt_shown;              /* how much of it stands on the terminal */

static void put_text(const char *s, size_t n)
{
    while (n--)
        uart_putc(*s++);
}

static void put_string(const char *s) { put_text(s, strlen(s)); }

static void close_line(void)
{
    if (open_line)
        put_string("\r\n");
    open_line = NULL;
}

/* Takes the prompt away before anything else is printed; console_unlock brings it back. */
static void hide_prompt(void)
{
    if (!prompt_shown)
        return;
    put_string("\r");
    for (u32 i = 0; i < prompt_shown; i++)
        uart_putc(' ');
    put_string("\r");
    prompt_shown = 0;
}

static void console_unlock(void)
{
    if (prompt[0] && !prompt_shown) {
        close_line();
        put_string(prompt);
        prompt_shown = (u32)strlen(prompt);
    }
    spin_unlock(&console_lock);
}

void console_prompt(const char *text)
{
    spin_lock(&console_lock);
    hide_prompt();
    format(prompt, sizeof(prompt), "%s", text);
    console_unlock();
}

static void put_label(const struct vm *vm)
{
    char label[48];

    if (platform.color)
        format(label, sizeof(label), "\033[1;3%um[%s]\033[0m ", 2 + vm->index % 5, vm->label);
    else
        format(label, sizeof(label), "[%s] ", vm->label);
    put_string(label);
}

/* Moves the buffered text to the terminal, after a label unless the VM's own line is still open there. */
static void flush_port(struct vm *vm)
{
    hide_prompt();
    if (open_line != vm) {
        close_line();
        put_label(vm);
        open_line = vm;
    }
    put_text(vm->console.line, vm->console.len);
    vm->console.len = 0;
    vm->console.flush_at = FOREVER;
}

/* What may reach the terminal. Control characters could forge another VM's lines; escape sequences pass whole
   for the VM that has the keyboard, and not at all for the others. */
static bool printable(struct vm *vm, char c)
{
    u8 byte = (u8)c, before = vm->console.last;

    vm->console.last = byte;
    /* C1 controls, alone or as UTF-8 (C2 80 to C2 9F), are escape sequences in short (ECMA-48, 5.3) */
    if (byte >= 0x80 && byte < 0xa0 && (before < 0x80 || before == 0xc2))
        return vm->index == focus;
    if (vm->index == focus && (c == ESC || c == '\b'))
        return true;
    if (c == ESC || vm->console.in_escape) {
        /* ESC [ parameters final: the final byte is a letter or @ ~ and the like (ECMA-48, 5.4) */
        vm->console.in_escape = c == ESC || c == '[' || (u8)c < '@';
        return false;
    }
    return ((u8)c >= ' ' && c != 0x7f) || c == '\t';
}

void console_guest_write(struct vm *vm, const char *text, u64 len)
{
    struct console_port *p = &vm->console;

    spin_lock(&console_lock);
    control_output(vm->index, text, len);
    for (; len--; text++) {
        if (*text == '\n') {
            p->in_escape = false;
            flush_port(vm);
            close_line();
        } else if (printable(vm, *text)) {
            if (p->len == 0)
                p->flush_at = rdtime() + platform.timebase / 1000 * FLUSH_MS;
            p->line[p->len++] = *text;
            if (p->len == CONSOLE_LINE)
                flush_port(vm);
        }
    }
    console_unlock();
}

u64 console_flush_stale(u64 now)
{
    u64 next = FOREVER;

    for (u32 i = 0; i < vm_count; i++) {
        struct console_port *p = &vms[i].console;
        if (p->len && p->flush_at <= now) {
            spin_lock(&console_lock);
            if (p->len)
                flush_port(&vms[i]);
            console_unlock();
        }
        if (p->len)
            next = min_u64(next, p->flush_at);
    }
    return min_u64(next, control_flush_stale(now));
}

void console_finish(struct vm *vm)
{
    spin_lock(&console_lock);
    if (vm->console.len)
        flush_port(vm);
    if (open_line == vm)
        close_line();
    console_unlock();
}

void console_seize(void) { spin_unlock(&console_lock); }

void hv_log(const char *fmt, ...)
{
    char line[256];
    va_list ap;

    va_start(ap, fmt);
    vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    spin_lock(&console_lock);
    hide_prompt();
    close_line();
    put_string("[hv] ");
    put_string(line);
    put_string("\r\n");
    control_output(CONTROL_HYPERVISOR, line, strlen(line));
    control_output(CONTROL_HYPERVISOR, "\n", 1);
    console_unlock();
}

bool console_has_keyboard(const struct vm *vm) { return vm->index == focus; }

void console_focus(const struct vm *vm)
{
    focus = vm->index;
    hv_log("keyboard goes to %s", vm->label);
}

static void list_vms(void)
{
    static const struct asker terminal = {monitor_to_terminal, 0};
    char line[] = "list";

    monitor_execute(&terminal, line);
}

/* A character for the guest; if the one that had the keyboard is gone, the next running one gets it. */
static void deliver(char c)
{
    for (u32 i = 0; i < vm_count && vm_ended(&vms[focus]); i++)
        if (!vm_ended(&vms[i]))
            console_focus(&vms[i]);
    vm_input(&vms[focus], c);
}

void console_input(char c)
{
    bool command = escaped && c != ESCAPE_KEY;

    if (prompt_is_open()) {
        prompt_input(c);
        return;
    }
    if (!escaped && c == ESCAPE_KEY) {
        escaped = true;
        return;
    }
    escaped = false;
    if (!command)
        deliver(c);
    else if (c >= '0' && c <= '9' && (u32)(c - '0') < vm_count)
        console_focus(&vms[c - '0']);
    else if (c == '?')
        list_vms();
    else if (c == ':' || c == 'm')
        prompt_open();
}
