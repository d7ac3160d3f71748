// Runner: the workload in S-mode (HS-mode where there is H) under Sv39.
#include "bench.h"

uint64_t run(void)
{
    build_s_stage();
    csr_write(satp, satp_of(s_root));
    __asm__ volatile("sfence.vma" ::: "memory");
    return run_below(workload, 0);
}
