/* The vector instructions' loops, for any host. */
#include "vector_loop.h"

/* Without FMA on the host in integer arithmetic */
#define native_fma_32 soft_fma_32
#define native_fma_64 soft_fma_64
#define VARIANT v_loops_plain

#pragma GCC optimize("O3")
#include "vector_loops.h"
