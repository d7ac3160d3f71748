// What the vector workloads share. They are assembly: no compiler's choices are measured.
#ifndef VECTOR_H
#define VECTOR_H
#include "bench.h"

#define VECTOR(text, ...) __asm__ volatile(".option push\n .option arch, +v\n" text "\n .option pop" __VA_ARGS__)
#define VECTOR_ON() csr_set(mstatus, 3ul << 9)
#endif
