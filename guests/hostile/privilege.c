/* Attacks on privilege: CSRs and instructions of the hypervisor and of M-mode, tried from S-mode and
 * U-mode. What a guest may not do looks like an absent instruction to it: illegal, never "virtual
 * instruction". */
#include "attacks.h"

/* Bits 9:8 of a CSR number are the lowest privilege that may use it: 3 = machine, 2 = hypervisor and VS. */
enum { LEVEL_HYPERVISOR = 2, LEVEL_MACHINE = 3 };

static bool all_csrs_illegal(u32 level, bool write)
{
    bool contained = true;
    for (u32 csr = 0; csr < 4096; csr++) {
        if ((csr >> 8 & 3) != level)
            continue;
        struct outcome o = attempt_insn(write ? insn_csr_write(csr) : insn_csr_read(csr), -1ul, 0);
        if (!illegal(o))
            printf("CSR 0x%x: %s\n", csr, o.trapped ? "strange trap" : write ? "written" : "read");
        contained &= illegal(o);
    }
    return contained;
}

enum verdict attack_read_machine_csrs(void) { return contained_if(all_csrs_illegal(LEVEL_MACHINE, false)); }
enum verdict attack_write_machine_csrs(void) { return contained_if(all_csrs_illegal(LEVEL_MACHINE, true)); }

enum verdict attack_read_hypervisor_csrs(void)
{
    return machine.has_h ? SKIPPED : contained_if(all_csrs_illegal(LEVEL_HYPERVISOR, false));
}

enum verdict attack_write_hypervisor_csrs(void)
{
    return machine.has_h ? SKIPPED : contained_if(all_csrs_illegal(LEVEL_HYPERVISOR, true));
}

/* cycle, time, instret and the hpmcounters are read-only: writing one would change everybody's time. */
enum verdict attack_write_counters(void)
{
    bool contained = true;
    for (u32 csr = 0xc00; csr < 0xc20; csr++)
        contained &= illegal(attempt_insn(insn_csr_write(csr), 0, 0));
    return contained_if(contained);
}

enum verdict attack_machine_instructions(void)
{
    static const u32 instructions[] = {
        0x30200073 /* mret */, 0x70200073 /* mnret */, 0x7b200073 /* dret */,
    };
    bool contained = true;
    for (size_t i = 0; i < COUNT(instructions); i++)
        contained &= illegal(attempt_insn(instructions[i], 0, 0));
    return contained_if(contained);
}

enum verdict attack_hypervisor_instructions(void)
{
    static const u32 instructions[] = {
        0x22000073 /* hfence.vvma */, 0x62000073 /* hfence.gvma */,
        0x22b50073 /* hfence.vvma with address and id */, 0x62b50073 /* hfence.gvma with them */,
        0x26000073 /* hinval.vvma */, 0x66000073 /* hinval.gvma */,
    };
    bool contained = true;
    if (machine.has_h)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(instructions); i++)
        contained &= illegal(attempt_insn(instructions[i], 0, 0));
    return contained_if(contained);
}

/* HLV reads with the eyes of a guest: from a guest it must not read at all, not even our own memory. */
enum verdict attack_hypervisor_loads(void)
{
    static const u32 instructions[] = {
        0x60054573 /* hlv.b */, 0x60154573 /* hlv.bu */, 0x64054573 /* hlv.h */, 0x64154573 /* hlv.hu */,
        0x64354573 /* hlvx.hu */, 0x68054573 /* hlv.w */, 0x68154573 /* hlv.wu */, 0x68354573 /* hlvx.wu */,
        0x6c054573 /* hlv.d */,
    };
    u64 addresses[] = { machine.ram_base, machine.ram_end, 0x80000000, 0 };
    bool contained = true;
    if (machine.has_h)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(instructions); i++)
        for (size_t a = 0; a < COUNT(addresses); a++)
            contained &= illegal(attempt_insn(instructions[i], addresses[a], 0));
    return contained_if(contained);
}

enum verdict attack_hypervisor_stores(void)
{
    static const u32 instructions[] = {
        0x62b54073 /* hsv.b */, 0x66b54073 /* hsv.h */, 0x6ab54073 /* hsv.w */, 0x6eb54073 /* hsv.d */,
    };
    static volatile u64 target = 0x55;
    bool contained = true;
    if (machine.has_h)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(instructions); i++) {
        contained &= illegal(attempt_insn(instructions[i], (u64)&target, -1ul));
        contained &= illegal(attempt_insn(instructions[i], machine.ram_end, -1ul));
    }
    return contained_if(contained && (target == 0x55));
}

enum verdict attack_reserved_encodings(void)
{
    static const u32 instructions[] = {
        0x00000000, 0xffffffff, 0x00004073 /* SYSTEM, funct3 = 4, funct7 = 0 */, 0x80000073, 0xfff00073,
        0x0000707f, 0x0000301b /* OP-IMM-32, funct3 = 3 */, 0x00007003 /* LOAD, funct3 = 7 */,
    };
    bool contained = true;
    for (size_t i = 0; i < COUNT(instructions); i++)
        contained &= illegal(attempt_insn(instructions[i], 0, 0));
    return contained_if(contained);
}

/* No CSR but those of level 0 (counters, FP) exists for a user program. */
enum verdict attack_user_csrs(void)
{
    bool contained = true;
    for (u32 csr = 0; csr < 4096; csr++)
        if (csr >> 8 & 3)
            contained &= illegal(attempt_insn_user(insn_csr_read(csr), 0, 0));
    return contained_if(contained);
}

enum verdict attack_user_instructions(void)
{
    static const u32 instructions[] = {
        0x10200073 /* sret */, 0x30200073 /* mret */, 0x12000073 /* sfence.vma */, 0x10500073 /* wfi */,
        0x22000073 /* hfence.vvma */, 0x62000073 /* hfence.gvma */, 0x6c054573 /* hlv.d */,
        0x6eb54073 /* hsv.d */,
    };
    bool contained = faulted(attempt_insn_user(0x00000013 /* nop, then the ECALL behind it */, 0, 0),
                             CAUSE_ECALL_U);
    for (size_t i = 0; i < COUNT(instructions); i++)
        contained &= illegal(attempt_insn_user(instructions[i], (u64)&machine, 0));
    return contained_if(contained);
}
