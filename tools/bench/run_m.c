// Runner: the workload in M-mode, no translation.
#include "bench.h"

uint64_t run(void)
{
    return workload();
}
