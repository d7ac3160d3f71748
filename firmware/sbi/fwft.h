/* A vCPU's firmware features: what of henvcfg its guest has set, and locked. */
#ifndef SBI_FWFT_H
#define SBI_FWFT_H
#include "lib/lib.h"

struct fwft {
    u64 henvcfg;                             /* the bits set beyond those that every guest gets */
    u32 locked;                              /* bit n: feature n */
};

/* Finds out which bits of henvcfg features can use on this machine. */
void fwft_probe(void);
#endif
