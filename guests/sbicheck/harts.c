/* HSM, IPI and SUSP: harts start, sleep, wake and stop. */
#include "checks.h"

enum { SUSPEND_RETENTIVE = 0, SUSPEND_NON_RETENTIVE = 0x80000000 };

static u64 suspend_status;   /* what the sleeping hart was told */
static struct arrival woken;

static u64 sleep_until_ipi(u64 type)
{
    CSR_WRITE(sie, 1 << IRQ_SOFT);
    if (type == SUSPEND_NON_RETENTIVE) {
        CSR_WRITE(satp, window_satp(3));
        sfence_all();
        CSR_SET(sstatus, SSTATUS_SIE);   /* the state that the wake-up must undo */
    }
    suspend_status = (u64)sleep_call(SBI_HSM, 3, type, &woken);
    bool came = CSR_READ(sip) >> IRQ_SOFT & 1;
    CSR_WRITE(sie, 0);
    CSR_WRITE(sip, 0);
    return came;
}

static void check_suspend(u64 type, long result)
{
    suspend_status = 99;
    other_begin(sleep_until_ipi, type);
    check("a hart that suspends is suspended", wait_for_status(machine.other, HSM_SUSPENDED));
    check("it sleeps on", suspend_status == 99);
    if (machine.is_virtual)              /* OpenSBI 1.6 refuses, and wakes the hart up there all the same */
        check_error("hart_start of a suspended hart",
                    sbi_hart_start(machine.other, (u64)arrive_first, 0), SBI_ALREADY_AVAILABLE);
    sbi_send_ipi(1, machine.other);
    check("an interrupt wakes it, and is pending", other_end());
    check("what the call gives back", suspend_status == (u64)result);
    check("it has started again", wait_for_status(machine.other, HSM_STARTED));
}

void check_hsm(void)
{
    static const u64 reserved[] = { 1, 0x0fffffff, 0x10000000, 0x7fffffff, 0x80000001, 0x8fffffff, 0x90000000 };
    static const u64 nobody[] = { 4096, 1ul << 32, -1ul };
    for (int i = 0; i < 3; i++) {
        check_error("status of nobody", sbi_hart_status(nobody[i]), SBI_INVALID_PARAM);
        check_error("start of nobody", sbi_hart_start(nobody[i], (u64)arrive_first, 0), SBI_INVALID_PARAM);
    }
    for (int i = 0; i < 7; i++)
        check_error("reserved suspend type", sbi_call(SBI_HSM, 3, reserved[i], 0, 0, 0, 0), SBI_INVALID_PARAM);
    check_error("waking up where nothing is ours",
                sbi_call(SBI_HSM, 3, SUSPEND_NON_RETENTIVE, machine.forbidden, 0, 0, 0), SBI_INVALID_ADDRESS);
    check_value("status of itself", sbi_hart_status(machine.hart), HSM_STARTED);
    check_error("start of itself", sbi_hart_start(machine.hart, (u64)arrive_first, 0), SBI_ALREADY_AVAILABLE);
    check_error("function 4", sbi_call(SBI_HSM, 4, 0, 0, 0, 0, 0), SBI_NOT_SUPPORTED);
    CSR_WRITE(sie, 1 << IRQ_SOFT);
    sbi_send_ipi(1, machine.hart);
    check_error("suspend with an interrupt pending", sbi_call(SBI_HSM, 3, 0, 0, 0, 0, 0), SBI_SUCCESS);
    CSR_WRITE(sip, 0);
    CSR_WRITE(sie, 0);
    if (!machine.has_other)
        return;
    check_value("status of a hart not started", sbi_hart_status(machine.other), HSM_STOPPED);
    check_error("start where nothing is ours", sbi_hart_start(machine.other, machine.forbidden, 0),
                SBI_INVALID_ADDRESS);
    other_start();
    check_value("status of a hart that runs", sbi_hart_status(machine.other), HSM_STARTED);
    check_error("start of a hart that runs", sbi_hart_start(machine.other, (u64)arrive_first, 0),
                SBI_ALREADY_AVAILABLE);
    check_suspend(SUSPEND_RETENTIVE, SBI_SUCCESS);
    check_suspend(SUSPEND_NON_RETENTIVE, ARRIVED);
    check_arrival("wake-up", &woken, machine.other);
    other_stop();
    other_start();
}

static bool soft_pending(void)
{
    bool pending = CSR_READ(sip) >> IRQ_SOFT & 1;
    CSR_WRITE(sip, 0);
    return pending;
}

static u64 wait_for_soft(u64 unused)
{
    (void)unused;
    u64 until = read_time() + 50000000;
    while (!(CSR_READ(sip) >> IRQ_SOFT & 1) && read_time() < until)
        cpu_relax();
    return soft_pending();
}

void check_ipi(void)
{
    static const struct { const char *what; u64 mask, base; } refused[] = {
        { "a hart that is not", 1, 4096 }, { "a bit beyond the harts", 1ul << 63, 0 },
        { "base of all but one", 1, -2ul }, { "ids beyond 64 bits", 4, -2ul }, { "all of 64", -1ul, 0 },
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        check_error(refused[i].what, sbi_send_ipi(refused[i].mask, refused[i].base), SBI_INVALID_PARAM);
    check("refused calls send nothing", !soft_pending());
    check_error("an empty mask", sbi_send_ipi(0, 0), SBI_SUCCESS);
    check_error("an empty mask from anywhere", sbi_send_ipi(0, 4096), SBI_SUCCESS);
    check("empty masks send nothing", !soft_pending());
    check_error("to itself", sbi_send_ipi(1, machine.hart), SBI_SUCCESS);
    check("it has come", soft_pending());
    check_error("to all", sbi_send_ipi(0, -1ul), SBI_SUCCESS);
    check("it has come to this one", soft_pending());
    check_error("function 1", sbi_call(SBI_IPI, 1, 0, 0, 0, 0, 0), SBI_NOT_SUPPORTED);
    if (!machine.has_other)
        return;
    check("it has come to the other", other_run(wait_for_soft, 0));
    other_begin(wait_for_soft, 0);
    check_error("to the other", sbi_send_ipi(1ul << machine.other, 0), SBI_SUCCESS);
    check("it has come", other_end() && !soft_pending());
}

void check_susp(void)
{
    static const u64 reserved[] = { 1, 0x7fffffff, 0x80000000, 0xffffffff };
    struct arrival arrival = { 0 };
    for (int i = 0; i < 4; i++)
        check("reserved sleep type", sleep_call(SBI_SUSP, 0, reserved[i], &arrival) == SBI_INVALID_PARAM);
    check_error("waking up where nothing is ours",
                sbi_call(SBI_SUSP, 0, 0, machine.forbidden, 0, 0, 0), SBI_INVALID_ADDRESS);
    check_error("function 1", sbi_call(SBI_SUSP, 1, 0, 0, 0, 0, 0), SBI_NOT_SUPPORTED);
    if (machine.has_other) {
        check("suspend while another hart runs", sleep_call(SBI_SUSP, 0, 0, &arrival) == SBI_DENIED);
        other_stop();
    }
    u64 alarm = read_time() + 5000000;   /* far enough not to come before the call, however busy the machine */
    sbi_set_timer(alarm);
    CSR_WRITE(sie, 1 << IRQ_TIMER);
    CSR_SET(sstatus, SSTATUS_SIE);
    check("suspend to RAM", sleep_call(SBI_SUSP, 0, 0, &arrival) == ARRIVED);
    check("it has slept until the timer", read_time() >= alarm);
    CSR_WRITE(sie, 0);
    sbi_set_timer(-1ul);
    check_arrival("resume", &arrival, machine.hart);
}
