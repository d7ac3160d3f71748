/* Attacks with interrupts: forging them, touching interrupt controllers out of turn, and making storms of
 * them. */
#include "attacks.h"

#define TIMEBASE 10000000ul /* ticks of `time` in a second on this platform */

static u32 total_interrupts(void)
{
    u32 total = 0;
    for (int i = 0; i < 16; i++)
        total += interrupts[i];
    return total;
}

/* S-mode may raise its own software interrupt, and with Sscofpmf its own counter-overflow interrupt; no
 * other. */
enum verdict attack_forge_sip(void)
{
    CSR_SET(sip, -1ul);
    watch_interrupts();
    bool contained = interrupts[IRQ_SOFT] == 1 && !interrupts[IRQ_TIMER] && !interrupts[IRQ_EXTERNAL];
    CSR_CLEAR(sip, -1ul);
    return contained_if(contained && ((CSR_READ(sip) & 1 << IRQ_SOFT) == 0));
}

/* hvip and its relatives raise interrupts in VMs; mip raises them in the machine. */
enum verdict attack_forge_hvip(void)
{
    static const u32 csrs[] = {
        0x645 /* hvip */, 0x644 /* hip */, 0x604 /* hie */, 0x607 /* hgeie */, 0x603 /* hideleg */,
        0x244 /* vsip */, 0x204 /* vsie */, 0x344 /* mip */, 0x304 /* mie */, 0x303 /* mideleg */,
    };
    bool contained = true;
    for (size_t i = 0; i < COUNT(csrs); i++)
        if (!machine.has_h || (csrs[i] >> 8 & 3) == 3)
            contained &= illegal(attempt_insn(insn_csr_write(csrs[i]), -1ul, 0));
    watch_interrupts();
    return contained_if(contained && (total_interrupts() == 0));
}

#define PLIC_PENDING 0x1000ul
#define PLIC_ENABLE(context) (0x2000ul + 0x80 * (context))
#define PLIC_THRESHOLD(context) (0x200000ul + 0x1000 * (context))
#define PLIC_CLAIM(context) (PLIC_THRESHOLD(context) + 4)

static u64 own_context(void) { return 2 * machine.hart + 1; }

/* Pending bits are set by devices only. */
enum verdict attack_plic_forge_pending(void)
{
    if (!machine.plic)
        return SKIPPED;
    for (u64 source = 1; source < 96; source++)
        write32(machine.plic + 4 * source, 7);
    for (u64 word = 0; word < 3; word++)
        write32(machine.plic + PLIC_ENABLE(own_context()) + 4 * word, -1u);
    write32(machine.plic + PLIC_THRESHOLD(own_context()), 0);
    for (int i = 0; i < 96; i++) { /* what other attacks have left: a request stays when its level drops */
        u64 claim = machine.plic + PLIC_CLAIM(own_context());
        write32(claim, read32(claim));
    }
    for (u64 word = 0; word < 32; word++)
        attempt_insn(INSN_SW, machine.plic + PLIC_PENDING + 4 * word, -1ul);
    watch_interrupts();
    bool contained = total_interrupts() == 0 && read32(machine.plic + PLIC_CLAIM(own_context())) == 0;
    for (u64 word = 0; word < 3; word++)
        write32(machine.plic + PLIC_ENABLE(own_context()) + 4 * word, 0);
    return contained_if(contained);
}

/* Contexts beyond our harts would be those of other VMs, if the PLIC were the real one. */
enum verdict attack_plic_other_contexts(void)
{
    bool contained = true;
    if (!machine.plic)
        return SKIPPED;
    for (u64 context = 2 * machine.harts; context < 2 * machine.harts + 64; context++) {
        u64 enable = machine.plic + PLIC_ENABLE(context);
        attempt_insn(INSN_SW, enable, -1ul);
        attempt_insn(INSN_SW, machine.plic + PLIC_THRESHOLD(context), 0);
        struct outcome bits = attempt_insn(INSN_LW, enable, 0);
        struct outcome claim = attempt_insn(INSN_LW, machine.plic + PLIC_CLAIM(context), 0);
        contained &= (bits.trapped || bits.value == 0) && (claim.trapped || claim.value == 0);
    }
    return contained_if(contained);
}

/* Reserved registers, wrong widths and misaligned addresses; afterwards the PLIC must still work. */
enum verdict attack_plic_bad_registers(void)
{
    static const u64 offsets[] = {
        0, 0xffc, 0x1f00, 0x1ff8, 0x1fff80, 0x200008, 0x200ff8, 0x3ffff8, 0x5ffff8,
    };
    static const u32 accesses[] = {
        INSN_LB, INSN_LH, INSN_LD, INSN_SB, INSN_SH, INSN_SD, INSN_AMOADD_D, INSN_FLD,
    };
    if (!machine.plic)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(offsets); i++)
        for (size_t a = 0; a < COUNT(accesses); a++) {
            attempt_insn(accesses[a], machine.plic + offsets[i], -1ul);
            attempt_insn(accesses[a], machine.plic + offsets[i] + 1, -1ul);
        }
    write32(machine.plic + 4, 1);
    bool works = read32(machine.plic + 4) == 1;
    write32(machine.plic + 4, 0);
    return contained_if(works && (read32(machine.plic + 4) == 0));
}

enum verdict attack_plic_false_complete(void)
{
    static const u32 sources[] = { 0, 1, 5, 10, 95, 96, 1023, 0x80000000, 0xffffffff };
    if (!machine.plic)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(sources); i++)
        write32(machine.plic + PLIC_CLAIM(own_context()), sources[i]);
    watch_interrupts();
    return contained_if(total_interrupts() == 0 && read32(machine.plic + PLIC_CLAIM(own_context())) == 0);
}

/* The CLINT belongs to M-mode, and its time to everybody. A virtual CLINT may interrupt its own VM and
 * nothing else. */
enum verdict attack_clint_registers(void)
{
    if (!machine.clint)
        return SKIPPED;
    u64 before = read_time();
    for (u64 hart = 0; hart < 16; hart++) {
        attempt_insn(INSN_SW, machine.clint + 4 * hart, 1);
        attempt_insn(INSN_SD, machine.clint + 0x4000 + 8 * hart, 0);
    }
    attempt_insn(INSN_SD, machine.clint + 0xbff8, -1ul);
    attempt_insn(INSN_SD, machine.clint + 0xbff8, 0);
    attempt_insn(INSN_LD, machine.clint + 0xbffc, 0);
    u64 after = read_time();
    watch_interrupts();
    bool own_only = machine.is_virtual ? interrupts[IRQ_EXTERNAL] == 0 : total_interrupts() == 0;
    for (u64 hart = 0; hart < 16; hart++) {
        attempt_insn(INSN_SD, machine.clint + 0x4000 + 8 * hart, -1ul);
        attempt_insn(INSN_SW, machine.clint + 4 * hart, 0);
    }
    return contained_if(after >= before && after - before < 60 * TIMEBASE && own_only);
}

/* Whether the timer interrupts once, in time. (sip.STIP is not asked: QEMU 7.2 shows it as 0 to a VM.) */
static bool timer_still_works(void)
{
    u64 deadline = read_time() + TIMEBASE / 10000;
    sbi_set_timer(deadline);
    CSR_WRITE(sie, 1 << IRQ_TIMER);
    wfi();
    do
        watch_interrupts();
    while (!interrupts[IRQ_TIMER] && (long)(read_time() - deadline) < (long)(10 * TIMEBASE));
    bool in_time = interrupts[IRQ_TIMER] == 1 && read_time() >= deadline;
    sbi_set_timer(-1ul);
    watch_interrupts();
    return in_time && interrupts[IRQ_TIMER] == 0;
}

/* A timer that is always due interrupts after every instruction, but only us. */
enum verdict attack_timer_storm(void)
{
    sbi_set_timer(0);
    storm = 1000;
    watch_interrupts();
    bool contained = interrupts[IRQ_TIMER] >= 1 && total_interrupts() == interrupts[IRQ_TIMER];
    return contained_if(timer_still_works() && contained);
}

enum verdict attack_timer_far_future(void)
{
    static const u64 times[] = { -1ul, -2ul, 1ul << 63, (1ul << 63) - 1 };
    bool contained = true;
    for (size_t i = 0; i < COUNT(times); i++) {
        sbi_set_timer(times[i]);
        watch_interrupts();
        contained &= total_interrupts() == 0;
    }
    return contained_if(timer_still_works() && contained);
}

enum verdict attack_ipi_storm(void)
{
    for (int i = 0; i < 1000; i++)
        sbi_send_ipi(1, machine.hart);
    watch_interrupts();
    bool came = interrupts[IRQ_SOFT] == 1;
    CSR_CLEAR(sip, 1 << IRQ_SOFT);
    watch_interrupts();
    return contained_if(came && (total_interrupts() == 0));
}

/* WFI with an interrupt pending returns at once, however often. */
enum verdict attack_wfi_storm(void)
{
    CSR_SET(sip, 1 << IRQ_SOFT);
    CSR_WRITE(sie, 1 << IRQ_SOFT);
    for (int i = 0; i < 1000; i++)
        wfi();
    CSR_WRITE(sie, 0);
    CSR_CLEAR(sip, 1 << IRQ_SOFT);
    return contained_if(timer_still_works());
}

/* A handler that interrupts itself again, a thousand times. */
enum verdict attack_ipi_forever(void)
{
    u32 came = 0;
    for (int i = 0; i < 1000; i++) {
        sbi_send_ipi(1, machine.hart);
        watch_briefly(20);
        came += interrupts[IRQ_SOFT];
        CSR_CLEAR(sip, 1 << IRQ_SOFT);
    }
    return contained_if(came == 1000 && timer_still_works());
}

/* A level that nobody takes down: claimed and completed, it is there again, until its source is silenced. */
enum verdict attack_level_stuck(void)
{
    u64 uart = 0, claim = machine.plic + PLIC_CLAIM(own_context());
    int node = fdt_compatible(machine.dtb, -1, "ns16550a");
    bool contained = true;
    if (!machine.is_virtual || !machine.plic || !fdt_reg(machine.dtb, node, &uart, NULL))
        return SKIPPED;
    u32 irq = fdt_u32(machine.dtb, node, "interrupts", 0);
    write32(machine.plic + 4 * irq, 7);
    write32(machine.plic + PLIC_ENABLE(own_context()), 1u << irq);
    write32(machine.plic + PLIC_THRESHOLD(own_context()), 0);
    write8(uart + 1, 2); /* IER: an empty transmitter interrupts */
    for (int i = 0; i < 1000; i++) {
        contained &= read32(claim) == irq && read32(claim) == 0;
        write32(claim, irq);
    }
    watch_interrupts();
    contained &= interrupts[IRQ_EXTERNAL] == 1;
    write8(uart + 1, 0);
    write32(claim, read32(claim));
    watch_interrupts();
    contained &= total_interrupts() == 0;
    write32(machine.plic + PLIC_ENABLE(own_context()), 0);
    write32(machine.plic + 4 * irq, 0);
    return contained_if(contained);
}

/* Any word written anywhere in the PLIC; in the end everything is disabled, and nothing comes. */
enum verdict attack_plic_random(void)
{
    u64 seed = 1;
    if (!machine.is_virtual || !machine.plic)
        return SKIPPED;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        u64 offset = (seed >> 20) % (i % 2 ? 0x600000 : 0x4000) & ~3ul;
        write32(machine.plic + offset, (u32)(seed >> 32));
        read32(machine.plic + offset);
    }
    for (u64 offset = 0; offset < 4 * 96; offset += 4)
        write32(machine.plic + offset, 0);
    for (u64 context = 0; context < 2 * machine.harts; context++) {
        for (u64 word = 0; word < 3; word++)
            write32(machine.plic + PLIC_ENABLE(context) + 4 * word, -1u);
        for (u64 source = 1; source < 96; source++)
            write32(machine.plic + PLIC_CLAIM(context), (u32)source);
        for (u64 word = 0; word < 3; word++)
            write32(machine.plic + PLIC_ENABLE(context) + 4 * word, 0);
        write32(machine.plic + PLIC_THRESHOLD(context), 0);
    }
    watch_interrupts();
    return contained_if(total_interrupts() == 0);
}
