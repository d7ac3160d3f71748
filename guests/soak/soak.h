/* What the parts of the soak test share: who asks for an interrupt, who takes it, and how both are counted. */
#pragma once
#include "guest.h"

enum { MAX_HARTS = 8 };
enum kind { TIMER, IPI, UART, VIRTIO, KINDS };

/* One hart's interrupts of one kind. At most one is under way, so a lost one cannot hide behind the next. */
struct account {
    u64 asked, taken;        /* written by the hart that asks, and by the handler that takes */
    u64 since;               /* time of the last request */
} __attribute__((aligned(64)));
extern struct account accounts[MAX_HARTS][KINDS];

extern u64 hart_ids[MAX_HARTS];
extern u64 harts, timebase;

/* How the harts are paired at the moment: hart n interrupts hart (n + shift) % harts; devices are `owner`'s to
 * trigger, and their interrupts go to `taker`. Changes only while nothing is under way. */
extern u64 shift, owner, taker;

/* Requests of which the handler has not told yet: 1 or 0. */
static inline u64 under_way(const struct account *a)
{
    return __atomic_load_n(&a->asked, __ATOMIC_ACQUIRE) - __atomic_load_n(&a->taken, __ATOMIC_ACQUIRE);
}

static inline u64 self(void)
{
    u64 index;
    __asm__ volatile("mv %0, tp" : "=r"(index));
    return index;
}

/* Notes that an interrupt which hart `asker` asked for was taken; ends the guest if there is none under way. */
void taken(u64 asker, enum kind kind);

/* kinds.c: each asks for one interrupt of its kind, in different ways by turn. */
void ask_timer(u64 turn);
void ask_ipi(u64 turn);
void timer_interrupt(void);
void soft_interrupt(void);
/* Sets this hart's timer without counting it: something to wake up by. ~0 takes it back. */
void rest_timer(u64 ticks);
void timers_init(const void *dtb);
/* Interrupts every other hart, uncounted, so that it looks up. */
void wake_others(void);
/* With interrupts off, waits for one of another hart's and leaves it pending: time passes, so that a hypervisor
 * may take the hart away meanwhile. */
void hold_pending(u64 ticks);

/* devices.c */
bool devices_init(const void *dtb);
bool has_uart(void);
bool has_virtio(void);
void devices_route(void);         /* after `owner` or `taker` has changed */
void ask_uart(u64 turn);
void ask_virtio(u64 turn);
void external_interrupt(void);
void devices_quiet(void);         /* the UART prints again */

#define FAIL(...) (devices_quiet(), fail(__VA_ARGS__))
