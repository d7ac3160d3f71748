/* One machine UART for all: lines tagged with who speaks, and a keyboard that goes to one VM at a time. */
#ifndef CONSOLE_H
#define CONSOLE_H
#include "lib/lib.h"

struct vm;

enum { CONSOLE_LINE = 256 };

/* What a VM has said of its current line. */
struct console_port { char line[CONSOLE_LINE]; u32 len; u64 flush_at; bool in_escape; u8 last; };

/* Prints one line "[hv] ...". */
void hv_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Takes the console from whoever holds it, to say one last thing. */
void console_seize(void);

void console_guest_write(struct vm *vm, const char *text, u64 len);
/* Shows unfinished lines (prompts) that have stood long enough; returns the time of the next such flush. */
u64 console_flush_stale(u64 now);
/* Shows what is left of a VM's last line. */
void console_finish(struct vm *vm);
/* The monitor's line, shown below everything else; empty: none. */
void console_prompt(const char *text);
/* Gives a VM the keyboard. */
void console_focus(const struct vm *vm);
bool console_has_keyboard(const struct vm *vm);
/* One character from the machine's keyboard. */
void console_input(char c);
#endif
