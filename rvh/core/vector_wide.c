/* The same loops for x86-64 hosts with AVX2 and FMA; empty on others. */
#include "vector_loop.h"

#if FP_HOST && !defined(RVH_NO_FMA)
#define native_fma_32 native_fused_32
#define native_fma_64 native_fused_64
#define VARIANT v_loops_wide

/* No loop has a product and a sum that are not one operation. */
#pragma GCC optimize("O3", "fp-contract=fast")
#pragma GCC target("avx2,fma,bmi,bmi2")
#include "vector_loops.h"
#endif
