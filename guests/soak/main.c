/* soak: interrupts of all kinds between all harts, millions of them, none lost, none too many and none late. A
 * hart asks for the next of a kind only when the last one was taken by its handler. Boot arguments: count=1000000
 * is how many to ask for, spins=40 how often a hart looks before it waits in WFI, nap=100 after how many microseconds
 * it looks again (a long nap lets nothing else wake who missed an interrupt), patience=4000 after how many
 * milliseconds one is late, hold=0 for how many one is now and then left pending. */
#include "soak.h"

enum { STACK = 4096, HOLD_TURNS = 64, COUNT = 100000, SPINS = 40, NAP_US = 100, PATIENCE_MS = 4000 };

struct account accounts[MAX_HARTS][KINDS];
u64 hart_ids[MAX_HARTS], harts, timebase, shift, owner, taker;

/* How many of each kind a hart asks for in one epoch; of a device's, only its owner does. */
static const struct {
    const char *name;
    void (*ask)(u64 turn);
    u64 share;
    bool by_owner;
} kinds[KINDS] = {
    [TIMER] = { "timer", ask_timer, 320, false },
    [IPI] = { "ipi", ask_ipi, 160, false },
    [UART] = { "uart", ask_uart, 64, true },
    [VIRTIO] = { "virtio", ask_virtio, 48, true },
};
static bool usable[KINDS] = { true, true };

/* The kinds of an epoch, by turn: alone, one kind cannot wake who sleeps through another. */
static const u32 mixtures[] = {
    1 << TIMER | 1 << IPI | 1 << UART | 1 << VIRTIO, 1 << IPI, 1 << UART | 1 << VIRTIO, 1 << TIMER,
};

static u8 stacks[MAX_HARTS][STACK] __attribute__((aligned(16)));
#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static u64 epochs, spins, nap, patience, hold, arrived, released;

static bool is_late(const struct account *a)
{
    return (long)(read_time() - __atomic_load_n(&a->since, __ATOMIC_ACQUIRE)) > (long)patience;
}

void taken(u64 asker, enum kind kind)
{
    struct account *a = &accounts[asker][kind];
    if (__atomic_load_n(&a->asked, __ATOMIC_ACQUIRE) != a->taken + 1)
        FAIL("hart %lu took an interrupt too many: %s of hart %lu, number %lu", self(), kinds[kind].name, asker,
             a->taken);
    if (is_late(a))
        FAIL("LATE: %s of hart %lu, number %lu", kinds[kind].name, asker, a->asked);
    __atomic_store_n(&a->taken, a->taken + 1, __ATOMIC_RELEASE);
}

struct trap_frame *trap_handler(struct trap_frame *frame)
{
    switch (frame->scause) {
    case CAUSE_INTERRUPT | IRQ_TIMER: timer_interrupt(); break;
    case CAUSE_INTERRUPT | IRQ_SOFT: soft_interrupt(); break;
    case CAUSE_INTERRUPT | IRQ_EXTERNAL: external_interrupt(); break;
    default: unexpected_trap(frame);
    }
    return frame;
}

static void check_patience(void)
{
    for (u64 hart = 0; hart < harts; hart++)
        for (int kind = 0; kind < KINDS; kind++) {
            const struct account *a = &accounts[hart][kind];
            if (under_way(a) && is_late(a))
                FAIL("LOST: %s of hart %lu, number %lu", kinds[kind].name, hart, a->asked);
        }
}

/* Spins for a while, then waits in WFI: with sstatus.SIE = 0 it still ends when an interrupt is pending, and
 * none can be taken between the last look and the wait. */
static void rest(bool (*done)(u64), u64 argument, u64 nap_ticks)
{
    static u64 turns[MAX_HARTS];
    for (u64 i = 0; i < spins; i++) {
        if (done(argument))
            return;
        cpu_relax();
    }
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    if (hold && turns[self()]++ % HOLD_TURNS == 0)
        hold_pending(hold);
    if (!under_way(&accounts[self()][TIMER]))
        rest_timer(nap_ticks);
    if (!done(argument))
        wfi();
    CSR_SET(sstatus, SSTATUS_SIE);
    check_patience();
}

static bool release_is(u64 number) { return __atomic_load_n(&released, __ATOMIC_ACQUIRE) >= number; }

/* Waits for all harts; the last one to come runs `work`. Meanwhile interrupts that others ask for are taken. */
static void meet(u64 number, void (*work)(u64))
{
    if (__atomic_add_fetch(&arrived, 1, __ATOMIC_ACQ_REL) == number * harts) {
        if (work)
            work(number);
        __atomic_store_n(&released, number, __ATOMIC_RELEASE);
        wake_others();
    }
    while (!release_is(number))
        rest(release_is, number, 2 * patience);
    rest_timer(-1ul);
}

static void pair_up(u64 number)
{
    u64 epoch = number / 2 / COUNT_OF(mixtures);
    shift = epoch % harts;
    owner = epoch / harts % harts;
    taker = epoch / 3 % harts;
    if (usable[UART])
        devices_route();
}

static u64 share(int kind, u64 hart, u64 epoch)
{
    bool in_mixture = mixtures[epoch % COUNT_OF(mixtures)] >> kind & 1;
    return usable[kind] && in_mixture && (!kinds[kind].by_owner || hart == owner) ? kinds[kind].share : 0;
}

/* Whether some kind could be asked for again, or all are done. */
static bool can_go_on(u64 open)
{
    for (int kind = 0; kind < KINDS; kind++)
        if ((open >> kind & 1) && !under_way(&accounts[self()][kind]))
            return true;
    return false;
}

static void run_epoch(u64 hart, u64 epoch)
{
    u64 left[KINDS], open = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        left[kind] = share(kind, hart, epoch);
        open |= (u64)(left[kind] != 0) << kind;
    }
    while (open) {
        for (int kind = 0; kind < KINDS; kind++) {
            struct account *a = &accounts[hart][kind];
            if (!(open >> kind & 1) || under_way(a))
                continue;
            if (left[kind] == 0) {
                open &= ~(1ul << kind);
                continue;
            }
            u64 turn = left[kind]--;
            a->since = read_time();
            __atomic_store_n(&a->asked, a->asked + 1, __ATOMIC_RELEASE);
            kinds[kind].ask(turn);
        }
        if (open)
            rest(can_go_on, open, nap);
    }
}

static void run(u64 hart)
{
    __asm__ volatile("mv tp, %0" : : "r"(hart));
    CSR_WRITE(sie, 1 << IRQ_SOFT | 1 << IRQ_TIMER | 1 << IRQ_EXTERNAL);
    CSR_SET(sstatus, SSTATUS_SIE);
    for (u64 epoch = 0; epoch < epochs; epoch++) {
        meet(2 * epoch + 1, pair_up);
        run_epoch(hart, epoch);
        meet(2 * epoch + 2, NULL);
    }
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    CSR_WRITE(sie, 0);
}

void secondary_main(u64 hart)
{
    for (u64 index = 0; index < harts; index++)
        if (hart_ids[index] == hart)
            run(index);
    sbi_call(SBI_HSM, 1, 0, 0, 0, 0, 0);
    fail("hart_stop returned");
}

static u64 argument(const void *dtb, const char *name, u64 otherwise)
{
    const char *text = fdt_string(dtb, fdt_path(dtb, "/chosen"), "bootargs");
    for (; text && *text; text++)
        if (strncmp(text, name, strlen(name)) == 0) {
            u64 value = 0;
            for (text += strlen(name); *text >= '0' && *text <= '9'; text++)
                value = value * 10 + (u64)(*text - '0');
            return value;
        }
    return otherwise;
}

static u64 report(int kind)
{
    u64 asked = 0, done = 0;
    for (u64 hart = 0; hart < harts; hart++) {
        asked += accounts[hart][kind].asked;
        done += accounts[hart][kind].taken;
    }
    printf("%-7s %lu asked for, %lu taken\n", kinds[kind].name, asked, done);
    if (asked != done)
        FAIL("they are not the same");
    return done;
}

bool guest_main(u64 hart, const void *dtb)
{
    u64 planned = 0, total = 0, index = 0;
    harts = (u64)fdt_harts(dtb, hart_ids, MAX_HARTS);
    timers_init(dtb);
    spins = argument(dtb, "spins=", SPINS);
    nap = argument(dtb, "nap=", NAP_US) * timebase / 1000000;
    patience = argument(dtb, "patience=", PATIENCE_MS) * timebase / 1000;
    hold = argument(dtb, "hold=", 0) * timebase / 1000;
    usable[UART] = devices_init(dtb) && has_uart();
    usable[VIRTIO] = usable[UART] && has_virtio();
    for (u64 count = argument(dtb, "count=", COUNT); planned < count; epochs++)
        for (int kind = 0; kind < KINDS; kind++)
            planned += share(kind, owner, epochs) + (kinds[kind].by_owner ? 0 : (harts - 1) * share(kind, 0, epochs));
    for (u64 i = 0; i < harts; i++)
        if (hart_ids[i] == hart)
            index = i;
        else if (sbi_hart_start(hart_ids[i], (u64)secondary_start, (u64)stacks[i] + STACK).error)
            FAIL("hart_start of hart %lu failed", hart_ids[i]);
    run(index);
    devices_quiet();
    for (int kind = 0; kind < KINDS; kind++)
        total += report(kind);
    printf("soak: %lu harts, %lu interrupts, none lost\n", harts, total);
    return true;
}
