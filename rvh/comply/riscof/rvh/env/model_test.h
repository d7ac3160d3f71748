/* What riscv-arch-test (signature style) wants to know of rvh: how a program ends, where its signature lies, and how
 * M-mode software interrupts are raised. Console macros are empty: the signature says it all. */
#ifndef RVH_MODEL_TEST_H
#define RVH_MODEL_TEST_H

#define RVH_MSIP 0x2000000
#define RVH_MTIMECMP 0x2004000

/* HTIF: an odd value in tohost ends the program, 1 without an error. */
#define RVMODEL_HALT                                                            \
        la      t0, tohost;                                                     \
        li      t1, 1;                                                          \
        sw      zero, 4(t0);                                                    \
        sw      t1, 0(t0);                                                      \
rvh_halted:                                                                     \
        j       rvh_halted;

#define RVMODEL_BOOT

#define RVMODEL_DATA_SECTION                                                    \
        .pushsection .tohost, "aw", @progbits;                                  \
        .balign 64; .global tohost; tohost: .dword 0;                           \
        .balign 64; .global fromhost; fromhost: .dword 0;                       \
        .popsection;

#define RVMODEL_DATA_BEGIN                                                      \
        RVMODEL_DATA_SECTION                                                    \
        .balign 16;                                                             \
        .global begin_signature; begin_signature:

#define RVMODEL_DATA_END                                                        \
        .balign 16;                                                             \
        .global end_signature; end_signature:

#define RVMODEL_IO_INIT
#define RVMODEL_IO_WRITE_STR(_R, _STR)
#define RVMODEL_IO_CHECK()
#define RVMODEL_IO_ASSERT_GPR_EQ(_S, _R, _I)
#define RVMODEL_IO_ASSERT_SFPR_EQ(_F, _R, _I)
#define RVMODEL_IO_ASSERT_DFPR_EQ(_D, _R, _I)

#define RVMODEL_SET_MSW_INT                                                     \
        li      t1, 1;                                                          \
        li      t2, RVH_MSIP;                                                   \
        sw      t1, 0(t2);

#define RVMODEL_CLEAR_MSW_INT                                                   \
        li      t2, RVH_MSIP;                                                   \
        sw      zero, 0(t2);

#define RVMODEL_CLEAR_MTIMER_INT                                                \
        li      t1, -1;                                                         \
        li      t2, RVH_MTIMECMP;                                               \
        sd      t1, 0(t2);

#define RVMODEL_CLEAR_MEXT_INT

#endif
