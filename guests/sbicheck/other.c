/* The second hart: started and stopped through HSM, and given functions to run in between. */
#include "checks.h"

static u8 stack[8192] __attribute__((aligned(16)));
static struct arrival first;
static struct { u64 (*function)(u64); u64 argument, result; u32 asked, done; } work;

static void wait_for(const u32 *counter, u32 value)
{
    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != value)
        cpu_relax();
}

void other_main(struct arrival *arrival)
{
    (void)arrival;
    for (u32 n = work.done + 1;; n++) {
        wait_for(&work.asked, n);
        work.result = work.function(work.argument);
        __atomic_store_n(&work.done, n, __ATOMIC_RELEASE);
    }
}

void other_begin(u64 (*function)(u64), u64 argument)
{
    work.function = function;
    work.argument = argument;
    __atomic_store_n(&work.asked, work.asked + 1, __ATOMIC_RELEASE);
}

u64 other_end(void)
{
    wait_for(&work.done, work.asked);
    return work.result;
}

u64 other_run(u64 (*function)(u64), u64 argument)
{
    other_begin(function, argument);
    return other_end();
}

bool wait_for_status(u64 hart, u64 status)
{
    u64 until = read_time() + 50000000;
    while (sbi_hart_status(hart).value != status && read_time() < until)
        cpu_relax();
    return sbi_hart_status(hart).value == status;
}

static u64 nothing(u64 unused) { return unused; }

void other_start(void)
{
    first = (struct arrival){ .stack = (u64)stack + sizeof stack };
    work.asked = work.done = 0;
    check_error("start of the other hart", sbi_hart_start(machine.other, (u64)arrive_first, (u64)&first), 0);
    other_run(nothing, 0);
    check_arrival("start", &first, machine.other);
}

static u64 stop(u64 unused)
{
    (void)unused;
    sbi_call(SBI_HSM, 1, 0, 0, 0, 0, 0);
    return 0;
}

void other_stop(void)
{
    other_begin(stop, 0);
    check("a hart that stops is stopped", wait_for_status(machine.other, HSM_STOPPED));
}

void check_arrival(const char *what, const struct arrival *arrival, u64 hart)
{
    printf("%s", arrival->hart == hart && arrival->opaque == (u64)arrival && !arrival->satp ? "" : what);
    check("a0 is the hart id", arrival->hart == hart);
    check("a1 is the opaque value", arrival->opaque == (u64)arrival);
    check("satp is 0", arrival->satp == 0);
    check("sstatus.SIE is 0", (arrival->sstatus & SSTATUS_SIE) == 0);
}
