// Runner: the workload in VS-mode under Sv39 over Sv39x4. Its ecalls go to HS-mode, which answers a0 + 1.
#include "bench.h"

#define CAUSE_VS_ECALL 10

static uint64_t hs_registers[32];

uint64_t run(void)
{
    build_s_stage();
    build_g_stage();
    csr_write(satp, 0);
    csr_write(vsatp, satp_of(s_root));
    csr_write(hgatp, satp_of(g_root));
    __asm__ volatile(".option arch, +h\n\thfence.gvma\n\thfence.vvma\n\tsfence.vma" ::: "memory");
    csr_write(hstatus, 0);
    csr_set(vsstatus, 3ul << 13);
    csr_write(medeleg, 1ul << CAUSE_VS_ECALL);
    csr_write(stvec, hs_exit);
    csr_write(sscratch, hs_registers);
    return run_below(workload, 1);
}
