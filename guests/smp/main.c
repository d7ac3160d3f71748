/* smp: several harts in one kernel. The boot hart starts the others through SBI HSM; they interrupt each
 * other, contend for a ticket lock, for AMOs and for LR/SC, and every final total must be exact. */
#include "guest.h"
#include "lock.h"

enum { MAX_HARTS = 16, STACK = 4096, IPI_ROUNDS = 50, LOCK_ROUNDS = 500, ATOMIC_ROUNDS = 2000 };
enum phase { START, IPI_FROM_BOOT, IPI_ALL, LOCKED, AMO, LRSC, STOP };

static u64 hart_ids[MAX_HARTS];
static int harts;
static u8 stacks[MAX_HARTS][STACK] __attribute__((aligned(16)));

static u32 phase;             /* written by the boot hart only */
static u32 arrived[STOP + 1]; /* harts that finished each phase */
static u32 sent[MAX_HARTS][MAX_HARTS], acknowledged[MAX_HARTS][MAX_HARTS];

static struct ticket_lock counter_lock;
static u64 locked_counter;    /* plain increments: only the lock keeps them exact */
static u64 amo_sum, amo_xor, amo_max, lrsc_counter;
static u32 amo_sum32;

/* A waiting hart may be a virtual CPU that keeps the one it waits for off the real hart. So after a while
 * it sleeps for 0.1 ms in WFI, which lets a hypervisor run another: WFI ends when the timer is pending in
 * sip, even with sstatus.SIE = 0. */
void spin_wait(unsigned turn)
{
    cpu_relax();
    if (turn % 1024 == 0) {
        u64 sie = CSR_READ(sstatus) & SSTATUS_SIE;
        CSR_CLEAR(sstatus, SSTATUS_SIE);
        sbi_set_timer(read_time() + 1000);
        CSR_SET(sie, 1 << IRQ_TIMER);
        wfi();
        CSR_CLEAR(sie, 1 << IRQ_TIMER);
        CSR_SET(sstatus, sie);
    }
}

static void wait_until(const u32 *value, u32 at_least)
{
    for (unsigned turn = 1; __atomic_load_n(value, __ATOMIC_ACQUIRE) < at_least; turn++)
        spin_wait(turn);
}

static int index_of(u64 hart)
{
    for (int i = 0; i < harts; i++)
        if (hart_ids[i] == hart)
            return i;
    fail("hart %lu is not in the device tree", hart);
}

/* A pending bit says only "at least one IPI came", so the sender writes a number first, and the receiver
 * acknowledges whatever numbers it finds. tp holds this hart's index. */
struct trap_frame *trap_handler(struct trap_frame *frame)
{
    if (frame->scause != (CAUSE_INTERRUPT | IRQ_SOFT))
        unexpected_trap(frame);
    CSR_CLEAR(sip, 1 << IRQ_SOFT);
    fence();
    u64 self = frame->x[4];
    for (int from = 0; from < harts; from++) {
        u32 number = __atomic_load_n(&sent[from][self], __ATOMIC_ACQUIRE);
        __atomic_store_n(&acknowledged[from][self], number, __ATOMIC_RELEASE);
    }
    return frame;
}

static void interrupt_hart(int self, int target)
{
    u32 number = sent[self][target] + 1;
    __atomic_store_n(&sent[self][target], number, __ATOMIC_RELEASE);
    if (sbi_send_ipi(1, hart_ids[target]).error)
        fail("send_ipi to hart %lu failed", hart_ids[target]);
    wait_until(&acknowledged[self][target], number);
}

static void interrupt_others(int self)
{
    for (int round = 0; round < IPI_ROUNDS; round++)
        for (int target = 0; target < harts; target++)
            if (target != self)
                interrupt_hart(self, target);
}

static void count_with_lock(int self)
{
    (void)self;
    for (int i = 0; i < LOCK_ROUNDS; i++) {
        lock(&counter_lock);
        *(volatile u64 *)&locked_counter = *(volatile u64 *)&locked_counter + 1;
        unlock(&counter_lock);
    }
}

static void count_with_amo(int self)
{
    for (u64 i = 1; i <= ATOMIC_ROUNDS; i++) {
        u64 value = (u64)self * ATOMIC_ROUNDS + i;
        __asm__ volatile("amoadd.d zero, %0, (%1)" : : "r"(value), "r"(&amo_sum) : "memory");
        __asm__ volatile("amoadd.w zero, %0, (%1)" : : "r"(-1), "r"(&amo_sum32) : "memory");
        __asm__ volatile("amoxor.d zero, %0, (%1)" : : "r"(value), "r"(&amo_xor) : "memory");
        __asm__ volatile("amomaxu.d zero, %0, (%1)" : : "r"(value), "r"(&amo_max) : "memory");
    }
}

static void count_with_lrsc(int self)
{
    (void)self;
    for (int i = 0; i < ATOMIC_ROUNDS; i++) {
        u64 value, failed;
        __asm__ volatile("1: lr.d %0, (%2)\n addi %0, %0, 1\n sc.d %1, %0, (%2)\n bnez %1, 1b"
                         : "=&r"(value), "=&r"(failed) : "r"(&lrsc_counter) : "memory");
    }
}

/* Lets all harts do a phase, takes part in it, and waits for all. */
static void run_phase(u32 which, void (*work)(int), int self)
{
    __atomic_store_n(&phase, which, __ATOMIC_RELEASE);
    if (work)
        work(self);
    __atomic_fetch_add(&arrived[which], 1, __ATOMIC_RELEASE);
    wait_until(&arrived[which], (u32)harts);
}

void secondary_main(u64 hart)
{
    static void (*const work[])(int) = { NULL, NULL, interrupt_others, count_with_lock, count_with_amo,
                                         count_with_lrsc, NULL };
    int self = index_of(hart);
    __asm__ volatile("mv tp, %0" : : "r"((u64)self));
    CSR_WRITE(sie, 1 << IRQ_SOFT);
    CSR_SET(sstatus, SSTATUS_SIE);
    for (u32 p = START; p <= STOP; p++) {
        wait_until(&phase, p);
        if (work[p])
            work[p](self);
        __atomic_fetch_add(&arrived[p], 1, __ATOMIC_RELEASE);
    }
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    sbi_call(SBI_HSM, 1, 0, 0, 0, 0, 0);
    fail("hart %lu: hart_stop returned", hart);
}

static bool check(const char *what, u64 is, u64 should_be)
{
    printf("%-12s %lu%s\n", what, is, is == should_be ? ", exact" : " is WRONG");
    return is == should_be;
}

static void wait_for_status(int hart, u64 status)
{
    for (unsigned turn = 1; sbi_hart_status(hart_ids[hart]).value != status; turn++)
        spin_wait(turn);
}

bool guest_main(u64 hart, const void *dtb)
{
    harts = fdt_harts(dtb, hart_ids, MAX_HARTS);
    int self = index_of(hart);
    u64 total = (u64)harts, highest = total * ATOMIC_ROUNDS, expected_xor = 0;
    __asm__ volatile("mv tp, %0" : : "r"((u64)self));

    for (int i = 0; i < harts; i++)
        if (i != self && sbi_hart_start(hart_ids[i], (u64)secondary_start, (u64)stacks[i + 1]).error)
            fail("hart_start of hart %lu failed", hart_ids[i]);
    CSR_WRITE(sie, 1 << IRQ_SOFT);
    CSR_SET(sstatus, SSTATUS_SIE);
    run_phase(START, NULL, self);
    for (int i = 0; i < harts; i++)
        printf("hart %lu is %s\n", hart_ids[i], sbi_hart_status(hart_ids[i]).value == 0 ? "up" : "NOT up");

    run_phase(IPI_FROM_BOOT, interrupt_others, self);
    printf("%-12s %lu answered\n", "ipi to each", (total - 1) * IPI_ROUNDS);
    run_phase(IPI_ALL, interrupt_others, self);
    printf("%-12s %lu answered\n", "ipi all", total * (total - 1) * IPI_ROUNDS);
    if (sbi_call(SBI_RFENCE, 0, 0, -1ul, 0, 0, 0).error || sbi_call(SBI_RFENCE, 1, 0, -1ul, 0, -1ul, 0).error)
        fail("remote fence failed");

    run_phase(LOCKED, count_with_lock, self);
    run_phase(AMO, count_with_amo, self);
    run_phase(LRSC, count_with_lrsc, self);
    for (u64 value = 1; value <= highest; value++)
        expected_xor ^= value;
    bool ok = check("ticket lock", locked_counter, total * LOCK_ROUNDS);
    ok &= check("amoadd.d", amo_sum, highest * (highest + 1) / 2);
    ok &= check("amoadd.w", amo_sum32, (u32)-highest);
    ok &= check("amoxor.d", amo_xor, expected_xor);
    ok &= check("amomaxu.d", amo_max, highest);
    ok &= check("lr/sc", lrsc_counter, total * ATOMIC_ROUNDS);

    run_phase(STOP, NULL, self);
    for (int i = 0; i < harts; i++)
        if (i != self)
            wait_for_status(i, 1);
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    printf("smp: %d harts, %s\n", harts, ok ? "all totals exact" : "totals are WRONG");
    return ok;
}
