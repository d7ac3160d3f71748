/* The floating-point loops in integer arithmetic: for RMM, which no host has, and for hosts whose flags differ. */
#include "vector_loop.h"

#define VARIANT v_loops_soft
#include "vector_soft_loops.h"
