/* Binary floating point in integer arithmetic: every rounding mode of RISC-V, RMM included, exact flags,
 * on any host. fp.h uses it for whatever the host's FPU cannot do. Operands are raw bits, not NaN-boxed;
 * results that are NaN are the canonical NaN ("Unprivileged ISA", F extension, "NaN Generation and
 * Propagation"). `rm` is 0..4, never dynamic; exceptions are or-ed into *flags.
 */
#ifndef RVH_FP_SOFT_H
#define RVH_FP_SOFT_H

#include <stdint.h>

/* fflags ("Floating-Point Control and Status Register") */
enum { FP_NX = 1, FP_UF = 2, FP_OF = 4, FP_DZ = 8, FP_NV = 16 };
/* rm and frm */
enum { RM_RNE = 0, RM_RTZ = 1, RM_RDN = 2, RM_RUP = 3, RM_RMM = 4, RM_DYN = 7 };
/* destinations of a conversion to integer, as in the rs2 field of FCVT */
enum { SOFT_W = 0, SOFT_WU = 1, SOFT_L = 2, SOFT_LU = 3 };

uint32_t soft_add_s(uint32_t a, uint32_t b, uint32_t rm, uint32_t *flags);
uint32_t soft_mul_s(uint32_t a, uint32_t b, uint32_t rm, uint32_t *flags);
uint32_t soft_div_s(uint32_t a, uint32_t b, uint32_t rm, uint32_t *flags);
uint32_t soft_sqrt_s(uint32_t a, uint32_t rm, uint32_t *flags);
uint32_t soft_fma_s(uint32_t a, uint32_t b, uint32_t c, uint32_t rm, uint32_t *flags); /* a*b + c */

uint64_t soft_add_d(uint64_t a, uint64_t b, uint32_t rm, uint32_t *flags);
uint64_t soft_mul_d(uint64_t a, uint64_t b, uint32_t rm, uint32_t *flags);
uint64_t soft_div_d(uint64_t a, uint64_t b, uint32_t rm, uint32_t *flags);
uint64_t soft_sqrt_d(uint64_t a, uint32_t rm, uint32_t *flags);
uint64_t soft_fma_d(uint64_t a, uint64_t b, uint64_t c, uint32_t rm, uint32_t *flags);

uint16_t soft_add_h(uint16_t a, uint16_t b, uint32_t rm, uint32_t *flags);
uint16_t soft_mul_h(uint16_t a, uint16_t b, uint32_t rm, uint32_t *flags);
uint16_t soft_div_h(uint16_t a, uint16_t b, uint32_t rm, uint32_t *flags);
uint16_t soft_sqrt_h(uint16_t a, uint32_t rm, uint32_t *flags);
uint16_t soft_fma_h(uint16_t a, uint16_t b, uint16_t c, uint32_t rm, uint32_t *flags);

uint32_t soft_d_to_s(uint64_t a, uint32_t rm, uint32_t *flags);
uint64_t soft_s_to_d(uint32_t a, uint32_t rm, uint32_t *flags);
uint32_t soft_h_to_s(uint16_t a, uint32_t rm, uint32_t *flags);
uint64_t soft_h_to_d(uint16_t a, uint32_t rm, uint32_t *flags);
uint16_t soft_s_to_h(uint32_t a, uint32_t rm, uint32_t *flags);
uint16_t soft_d_to_h(uint64_t a, uint32_t rm, uint32_t *flags);
/* bf16: a single without its low 16 bits */
uint32_t soft_bf16_to_s(uint16_t a, uint32_t rm, uint32_t *flags);
uint16_t soft_s_to_bf16(uint32_t a, uint32_t rm, uint32_t *flags);
/* `negative` and `magnitude` are those of the integer. */
uint32_t soft_int_to_s(int negative, uint64_t magnitude, uint32_t rm, uint32_t *flags);
uint64_t soft_int_to_d(int negative, uint64_t magnitude, uint32_t rm, uint32_t *flags);
/* Saturating ("Domains of float-to-integer conversions"); 32-bit results are sign-extended. */
uint64_t soft_s_to_int(uint32_t a, uint32_t rm, uint32_t kind, uint32_t *flags);
uint64_t soft_d_to_int(uint64_t a, uint32_t rm, uint32_t kind, uint32_t *flags);
uint16_t soft_int_to_h(int negative, uint64_t magnitude, uint32_t rm, uint32_t *flags);
uint64_t soft_h_to_int(uint16_t a, uint32_t rm, uint32_t kind, uint32_t *flags);
/* To an integral value; NX is raised only if `inexact`. */
uint16_t soft_round_h(uint16_t a, uint32_t rm, int inexact, uint32_t *flags);
uint32_t soft_round_s(uint32_t a, uint32_t rm, int inexact, uint32_t *flags);
uint64_t soft_round_d(uint64_t a, uint32_t rm, int inexact, uint32_t *flags);
/* Towards zero and modulo 2^32, sign-extended; flags as of a conversion to a signed 32-bit integer. */
uint64_t soft_d_modulo_w(uint64_t a, uint32_t *flags);

#endif
