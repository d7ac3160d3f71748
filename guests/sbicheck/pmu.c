/* PMU: hardware counters for cycles and instructions, firmware counters, snapshots, event information. */
#include "checks.h"

enum { NUM, INFO, CONFIG, START, STOP, FW_READ, FW_READ_HI, SET_SHMEM, EVENT_INFO, FUNCTIONS };
enum { SKIP_MATCH = 1, CLEAR_VALUE = 2, AUTO_START = 4, INIT_VALUE = 1, INIT_SNAPSHOT = 2, RESET = 1, SNAPSHOT = 2 };
enum { CYCLES = 1, INSTRUCTIONS = 2, FIRMWARE = 0xf0000 };
enum { ILLEGAL_INSN = 4, SET_TIMER = 5, IPI_SENT = 6, IPI_RECEIVED = 7, FENCE_I_SENT = 8, ASID_RECEIVED = 13 };

static u64 counters, every, firmware;     /* number, and masks of those that exist and of the firmware's */
static u64 cycle, instret;                /* indices */
static u64 shared[512] __attribute__((aligned(4096)));

static struct sbi_result pmu(u64 function, u64 x0, u64 x1, u64 x2, u64 x3)
{
    return sbi_call(SBI_PMU, function, x0, x1, x2, x3, 0);
}

static struct sbi_result config(u64 mask, u64 flags, u64 event) { return pmu(CONFIG, 0, mask, flags, event); }
static struct sbi_result fw_read(u64 counter) { return pmu(FW_READ, counter, 0, 0, 0); }
static void stop_all(void) { pmu(STOP, 0, every, RESET, 0); }

static void look_around(void)
{
    counters = pmu(NUM, 0, 0, 0, 0).value;
    every = firmware = 0;
    for (u64 i = 0; i < counters && i < 64; i++) {
        struct sbi_result r = pmu(INFO, i, 0, 0, 0);
        if (r.error)
            continue;
        every |= 1ul << i;
        firmware |= r.value >> 63 << i;
        if (r.value == (63 << 12 | 0xc00))
            cycle = i;
        if (r.value == (63 << 12 | 0xc02))
            instret = i;
    }
    check("there are firmware counters", firmware != 0);
    check("there are counters of 64 bits for cycle and instret", instret != cycle);
    check_error("info of one too many", pmu(INFO, counters, 0, 0, 0), SBI_INVALID_PARAM);
    check_error("info of -1", pmu(INFO, -1ul, 0, 0, 0), SBI_INVALID_PARAM);
}

static void check_refusals(void)
{
    static const u64 events[] = { 0, 11, 0xffff, 0x40001, FIRMWARE + 22, FIRMWARE + 255, FIRMWARE << 4, -1ul };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        check_error("an event that nothing counts", config(every, 0, events[i]), SBI_NOT_SUPPORTED);
    check_error("event data where none is due", sbi_call(SBI_PMU, CONFIG, 0, every, 0, CYCLES, 1), SBI_NOT_SUPPORTED);
    check_error("reserved flag", config(every, 1 << 8, CYCLES), SBI_INVALID_PARAM);
    check_error("a set with one too many", pmu(CONFIG, counters, 1, 0, CYCLES), SBI_INVALID_PARAM);
    check_error("a set beyond 64 bits", pmu(CONFIG, -1ul, 2, 0, CYCLES), SBI_INVALID_PARAM);
    check_error("a firmware event on hardware", config(1ul << cycle, 0, FIRMWARE + SET_TIMER), SBI_NOT_SUPPORTED);
    check_error("start, reserved flag", pmu(START, 0, 1ul << cycle, 4, 0), SBI_INVALID_PARAM);
    check_error("start of one too many", pmu(START, counters, 1, 0, 0), SBI_INVALID_PARAM);
    check_error("stop, reserved flag", pmu(STOP, 0, 1ul << cycle, 4, 0), SBI_INVALID_PARAM);
    check_error("stop of one too many", pmu(STOP, counters, 1, 0, 0), SBI_INVALID_PARAM);
    check_error("fw_read of hardware", fw_read(cycle), SBI_INVALID_PARAM);
    check_error("fw_read of one too many", fw_read(counters), SBI_INVALID_PARAM);
    check_error("fw_read_hi of hardware", pmu(FW_READ_HI, cycle, 0, 0, 0), SBI_INVALID_PARAM);
    check_error("function 9", pmu(FUNCTIONS, 0, 0, 0, 0), SBI_NOT_SUPPORTED);
}

static u64 read_instret(u64 unused)
{
    (void)unused;
    return CSR_READ(instret);
}

static void check_hardware(void)
{
    check_value("cycles", config(every, 0, CYCLES), cycle);
    check_value("instructions", config(every, CLEAR_VALUE, INSTRUCTIONS), instret);
    u64 before = read_instret(0);
    check("a stopped counter stands still", read_instret(0) == before);
    check_error("start at a value", pmu(START, 0, 1ul << instret, INIT_VALUE, 1ul << 40), SBI_SUCCESS);
    check_error("start once more", pmu(START, 0, 1ul << instret, 0, 0), SBI_ALREADY_STARTED);
    before = read_instret(0);
    u64 after = read_instret(0);
    check("it counts from there", before >> 40 == 1 && after > before && after >> 40 == 1);
    check_error("stop", pmu(STOP, 0, 1ul << instret, 0, 0), SBI_SUCCESS);
    check_error("stop once more", pmu(STOP, 0, 1ul << instret, 0, 0), SBI_ALREADY_STOPPED);
    after = read_instret(0);
    check("stopped again", after > before && read_instret(0) == after);
    check_error("start where it stood", pmu(START, 0, 1ul << instret, 0, 0), SBI_SUCCESS);
    check("on from there", read_instret(0) >= after && read_instret(0) >> 40 == 1);
    check_error("an event is counted once", config(1ul << instret, 0, INSTRUCTIONS), SBI_NOT_SUPPORTED);
    check_error("two at once, one started", pmu(START, 0, 1ul << instret | 1ul << cycle, 0, 0), SBI_ALREADY_STARTED);
    check_error("the other has started", pmu(START, 0, 1ul << cycle, 0, 0), SBI_ALREADY_STARTED);
    stop_all();
    check_error("a counter without an event", pmu(START, 0, 1ul << instret, 0, 0), SBI_INVALID_PARAM);
}

static u64 read_hypervisor_csr(u64 unused)
{
    (void)unused;
    u64 value = 0;
    __asm__ volatile("csrr %0, 0x680" : "+r"(value));
    return value;
}

static void set_timers(int n)
{
    while (n--)
        sbi_set_timer(-1ul);
}

static void check_firmware(void)
{
    u64 a = config(firmware, CLEAR_VALUE, FIRMWARE + SET_TIMER).value;
    u64 b = config(firmware, CLEAR_VALUE | AUTO_START, FIRMWARE + SET_TIMER).value;
    check("two counters for one event", a != b && (firmware >> a & 1) && (firmware >> b & 1));
    set_timers(3);
    check_value("not yet started", fw_read(a), 0);
    check_value("started at once", fw_read(b), 3);
    check_error("start", pmu(START, 0, 1ul << a, INIT_VALUE, 100), SBI_SUCCESS);
    set_timers(2);
    check_value("counted from 100", fw_read(a), 102);
    check_error("stop both", pmu(STOP, 0, 1ul << a | 1ul << b, 0, 0), SBI_SUCCESS);
    set_timers(2);
    check_value("stopped", fw_read(a), 102);
    check_value("stopped", fw_read(b), 5);
    check_value("fw_read_hi", pmu(FW_READ_HI, a, 0, 0, 0), 0);
    check_value("SKIP_MATCH takes the first", config(1ul << b, SKIP_MATCH | CLEAR_VALUE, FIRMWARE + SET_TIMER), b);
    check_value("cleared", fw_read(b), 0);
    u64 taken = 2;
    while (taken < 64 && config(firmware, 0, FIRMWARE + SET_TIMER).error == SBI_SUCCESS)
        taken++;
    check("each counter is given once", taken == (u64)__builtin_popcountl(firmware));
    stop_all();
    if (machine.has_h)
        return;
    a = config(firmware, CLEAR_VALUE | AUTO_START, FIRMWARE + ILLEGAL_INSN).value;
    check("a CSR of others", trap_cause(read_hypervisor_csr, 0) == CAUSE_ILLEGAL);
    check_value("illegal instructions", fw_read(a), 1);
    stop_all();
}

static u64 count_there(u64 event) { return config(firmware, CLEAR_VALUE | AUTO_START, FIRMWARE + event).value; }
static u64 read_there(u64 counter) { return fw_read(counter).value; }

static u64 stop_there(u64 unused)
{
    (void)unused;
    CSR_WRITE(sip, 0);
    stop_all();
    return 0;
}

static void check_between_harts(void)
{
    u64 sent = count_there(IPI_SENT), fences = count_there(FENCE_I_SENT);
    u64 received = other_run(count_there, IPI_RECEIVED), asid = other_run(count_there, ASID_RECEIVED);
    sbi_send_ipi(1, machine.other);
    sbi_call(SBI_RFENCE, 0, 1, machine.other, 0, 0, 0);
    sbi_call(SBI_RFENCE, 2, 1, machine.other, 4096, 4096, 7);
    sbi_call(SBI_RFENCE, 2, 1, machine.other, 4096, 4096, 8);
    check_value("IPIs sent", fw_read(sent), 1);
    check_value("FENCE.I sent", fw_read(fences), 1);
    check("IPIs received", other_run(read_there, received) == 1);
    check("SFENCE.VMA with ASID received", other_run(read_there, asid) == 2);
    other_run(stop_there, 0);
    stop_all();
}

static void check_snapshot(void)
{
    u64 *values = shared + 1, far = (u64)__builtin_ctzl(firmware);
    u64 address = (u64)shared;
    check_error("start from no snapshot", pmu(START, 0, 0, INIT_SNAPSHOT, 0), SBI_NO_SHMEM);
    check_error("stop to no snapshot", pmu(STOP, 0, 0, SNAPSHOT, 0), SBI_NO_SHMEM);
    check_error("reserved flag", pmu(SET_SHMEM, address, 0, 1, 0), SBI_INVALID_PARAM);
    check_error("not a whole page", pmu(SET_SHMEM, address + 8, 0, 0, 0), SBI_INVALID_PARAM);
    check_error("memory not ours", pmu(SET_SHMEM, machine.forbidden, 0, 0, 0), SBI_INVALID_ADDRESS);
    check_error("beyond 64 bits", pmu(SET_SHMEM, address, 1, 0, 0), SBI_INVALID_ADDRESS);
    check_error("set_shmem", pmu(SET_SHMEM, address, 0, 0, 0), SBI_SUCCESS);
    for (int i = 0; i < 512; i++)
        shared[i] = 1000;
    u64 a = config(firmware, 0, FIRMWARE + SET_TIMER).value, set = 1ul << (a - far) | 1ul << (a - far + 1);
    check_value("the counter after it", config(firmware, 0, FIRMWARE + SET_TIMER), a + 1);
    values[a - far] = 50;
    values[a - far + 1] = 70;
    check_error("start from a snapshot", pmu(START, far, set, INIT_SNAPSHOT, 0), SBI_SUCCESS);
    set_timers(1);
    check_error("stop to a snapshot", pmu(STOP, far, set, SNAPSHOT | RESET, 0), SBI_SUCCESS);
    check("values are there", values[a - far] == 51 && values[a - far + 1] == 71);
    check("others are left alone", values[a - far + 2] == 1000 && shared[65] == 1000);
    check("nothing has overflown", shared[0] == 0);
    check_error("no snapshot any more", pmu(SET_SHMEM, -1ul, -1ul, 0, 0), SBI_SUCCESS);
    check_error("stop to no snapshot", pmu(STOP, 0, 0, SNAPSHOT, 0), SBI_NO_SHMEM);
}

static void check_event_info(void)
{
    static struct { u32 event, output; u64 data; } entries[] __attribute__((aligned(16))) = {
        { CYCLES, 99, 0 }, { INSTRUCTIONS, 99, 0 }, { 0, 99, 0 }, { FIRMWARE + SET_TIMER, 99, 0 },
        { FIRMWARE + 255, 99, 0 }, { FIRMWARE + SET_TIMER, 99, 1 },
    };
    static const u32 supported[] = { 1, 1, 0, 1, 0, 0 };
    u64 address = (u64)entries;
    check_error("reserved flag", pmu(EVENT_INFO, address, 0, 6, 1), SBI_INVALID_PARAM);
    check_error("not aligned", pmu(EVENT_INFO, address + 8, 0, 1, 0), SBI_INVALID_PARAM);
    check_error("memory not ours", pmu(EVENT_INFO, machine.forbidden, 0, 1, 0), SBI_INVALID_ADDRESS);
    check_error("beyond 64 bits", pmu(EVENT_INFO, address, 1, 1, 0), SBI_INVALID_ADDRESS);
    if (machine.is_virtual)              /* OpenSBI 1.6 believes it */
        check_error("too many", pmu(EVENT_INFO, address, 0, 1ul << 60, 0), SBI_INVALID_ADDRESS);
    check_error("event_get_info", pmu(EVENT_INFO, address, 0, 6, 0), SBI_SUCCESS);
    for (int i = 0; i < 6; i++)
        check("support as told", entries[i].output == supported[i]);
    entries[0].event = 1 << 20;
    check_error("reserved bits", pmu(EVENT_INFO, address, 0, 1, 0), SBI_INVALID_PARAM);
    entries[0].event = CYCLES;
}

void check_pmu(void)
{
    look_around();
    stop_all();
    check_refusals();
    check_hardware();
    check_firmware();
    if (machine.has_other)
        check_between_harts();
    check_snapshot();
    check_event_info();
}
