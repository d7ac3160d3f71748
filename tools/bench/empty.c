// Workload: nothing. What a machine costs to start and stop.
#include "bench.h"

uint64_t workload(void)
{
    return 0;
}
