/* What the Architectural Certification Tests (ACT4) want to know of rvh: ending a test, printing, interrupts. The machine
 * is QEMU's virt: 16550 at 0x10000000 (PLIC source 10), CLINT at 0x2000000, PLIC at 0xc000000; HTIF ends a test. */
#ifndef RVMODEL_MACROS_H
#define RVMODEL_MACROS_H

#define RVH_UART            0x10000000
#define RVH_UART_SOURCE     10
#define RVH_CLINT           0x02000000
#define RVH_PLIC            0x0c000000
#define RVH_PLIC_ENABLE_M   (RVH_PLIC + 0x2000)
#define RVH_PLIC_ENABLE_S   (RVH_PLIC + 0x2080)
#define RVH_PLIC_CONTEXT_M  (RVH_PLIC + 0x200000)
#define RVH_PLIC_CONTEXT_S  (RVH_PLIC + 0x201000)

/* The machine level is the standard one. */
#define STANDARD_SM_SUPPORTED

#define RVMODEL_DATA_SECTION                                                    \
        .pushsection .tohost, "aw", @progbits;                                  \
        .balign 64; .global tohost; tohost: .dword 0;                           \
        .balign 64; .global fromhost; fromhost: .dword 0;                       \
        .popsection;

/* -- the end: an odd value in tohost; 1 is success, n << 1 | 1 failure n */
#define RVH_HALT(_VALUE)                                                        \
        la      t0, tohost;                                                     \
        li      t1, _VALUE;                                                     \
        sw      zero, 4(t0);                                                    \
98:     sw      t1, 0(t0);                                                      \
        j       98b;

#define RVMODEL_HALT_PASS RVH_HALT(1)
#define RVMODEL_HALT_FAIL RVH_HALT(3)

/* -- console: the transmitter is always ready */
#define RVMODEL_IO_INIT(_R1, _R2, _R3)

#define RVMODEL_IO_WRITE_STR(_R1, _R2, _R3, _STR_PTR)                           \
        li      _R2, RVH_UART;                                                  \
96:     lbu     _R1, 0(_STR_PTR);                                               \
        beqz    _R1, 97f;                                                       \
        sb      _R1, 0(_R2);                                                    \
        addi    _STR_PTR, _STR_PTR, 1;                                          \
        j       96b;                                                            \
97:

/* -- nothing answers there */
#define RVMODEL_ACCESS_FAULT_ADDRESS 0x00000000

/* -- time: a tick of mtime is 100 instructions, so a loop of two has to turn 50 times for each */
#define RVMODEL_MTIME_ADDRESS (RVH_CLINT + 0xbff8)
#define RVMODEL_MTIMECMP_ADDRESS (RVH_CLINT + 0x4000)
#define RVMODEL_MSIP_ADDRESS (RVH_CLINT + 0)
#define RVMODEL_TIMER_INT_SOON_DELAY 100
#define RVMODEL_INTERRUPT_LATENCY 100
#define RVTEST_IDLE_FOR_TIMER_INTERRUPT(_R1)                                    \
        LI(_R1, RVMODEL_TIMER_INT_SOON_DELAY * 100);                            \
95:     addi    _R1, _R1, -1;                                                   \
        bnez    _R1, 95b;

/* -- external interrupts: the UART's transmitter is empty, and says so while IER.ETBEI is set */
#define RVH_SET_EXTERNAL(_R1, _R2, _ENABLE, _CONTEXT)                           \
        li      _R1, 7;                                                         \
        li      _R2, RVH_PLIC + 4 * RVH_UART_SOURCE;                            \
        sw      _R1, 0(_R2);                                                    \
        li      _R1, 1 << RVH_UART_SOURCE;                                      \
        li      _R2, _ENABLE;                                                   \
        sw      _R1, 0(_R2);                                                    \
        li      _R2, _CONTEXT;                                                  \
        sw      zero, 0(_R2);                                                   \
        li      _R1, 2;                                                         \
        li      _R2, RVH_UART;                                                  \
        sb      _R1, 1(_R2);

#define RVH_CLEAR_EXTERNAL(_R1, _R2, _ENABLE, _CONTEXT)                         \
        li      _R2, RVH_UART;                                                  \
        sb      zero, 1(_R2);                                                   \
        li      _R2, _CONTEXT + 4;                                              \
        lw      _R1, 0(_R2);                                                    \
        sw      _R1, 0(_R2);                                                    \
        li      _R2, _ENABLE;                                                   \
        sw      zero, 0(_R2);

#define RVMODEL_SET_MEXT_INT(_R1, _R2) RVH_SET_EXTERNAL(_R1, _R2, RVH_PLIC_ENABLE_M, RVH_PLIC_CONTEXT_M)
#define RVMODEL_CLR_MEXT_INT(_R1, _R2) RVH_CLEAR_EXTERNAL(_R1, _R2, RVH_PLIC_ENABLE_M, RVH_PLIC_CONTEXT_M)
#define RVMODEL_SET_SEXT_INT(_R1, _R2) RVH_SET_EXTERNAL(_R1, _R2, RVH_PLIC_ENABLE_S, RVH_PLIC_CONTEXT_S)
#define RVMODEL_CLR_SEXT_INT(_R1, _R2) RVH_CLEAR_EXTERNAL(_R1, _R2, RVH_PLIC_ENABLE_S, RVH_PLIC_CONTEXT_S)

/* -- software interrupts. No register outside the hart raises the supervisor's: M-mode writes mip. */
#define RVMODEL_SET_MSW_INT(_R1, _R2)                                           \
        li      _R1, 1;                                                         \
        li      _R2, RVMODEL_MSIP_ADDRESS;                                      \
        sw      _R1, 0(_R2);

#define RVMODEL_CLR_MSW_INT(_R1, _R2)                                           \
        li      _R2, RVMODEL_MSIP_ADDRESS;                                      \
        sw      zero, 0(_R2);

#define RVMODEL_SET_SSW_INT(_R1, _R2) csrsi mip, 2;
#define RVMODEL_CLR_SSW_INT(_R1, _R2) csrci mip, 2;

#endif
