/* CSR access, probing of CSRs that may not exist, and the fields the SBI sets (privileged manual, machine
 * chapter). */
#pragma once

#define CSR_READ(csr) ({ unsigned long _v; __asm__ volatile("csrr %0, " #csr : "=r"(_v) : : "memory"); _v; })
#define CSR_ASM(op, csr, value) \
    __asm__ volatile(op " " #csr ", %0" : : "rK"((unsigned long)(value)) : "memory")
#define CSR_WRITE(csr, value) CSR_ASM("csrw", csr, value)
#define CSR_SET(csr, bits) CSR_ASM("csrs", csr, bits)
#define CSR_CLEAR(csr, bits) CSR_ASM("csrc", csr, bits)

/* Writes a CSR that may not exist and tells whether it does: mtvec points just behind the access meanwhile,
 * so a trap only skips what follows it. Clobbers mepc, mcause, mtval and mstatus.MPP/MPIE. */
#define CSR_TRY_WRITE(csr, value)                                                                   \
    ({                                                                                              \
        unsigned long _done, _old;                                                                  \
        __asm__ volatile("lla %1, 1f\n csrrw %1, mtvec, %1\n li %0, 0\n"                             \
                         "csrw " #csr ", %2\n li %0, 1\n .balign 4\n 1: csrw mtvec, %1"              \
                         : "=&r"(_done), "=&r"(_old) : "r"((unsigned long)(value)) : "memory");      \
        _done != 0;                                                                                 \
    })

#define MISA_H (1ul << 7)
#define MNSTATUS_NMIE (1ul << 3)
#define MSTATUS_MPIE (1ul << 7)
#define MSTATUS_SPP (1ul << 8)
#define MSTATUS_SPIE (1ul << 5)
#define MSTATUS_SIE (1ul << 1)
#define MSTATUS_VS_INITIAL (1ul << 9)
#define MSTATUS_MPP (3ul << 11)
#define MSTATUS_MPP_S (1ul << 11)
#define MSTATUS_FS_INITIAL (1ul << 13)
#define MSTATUS_MPRV (1ul << 17)
#define MSTATUS_GVA (1ul << 38)
#define MSTATUS_MPV (1ul << 39)
#define HSTATUS_GVA (1ul << 6)
#define HSTATUS_SPV (1ul << 7)
#define HSTATUS_SPVP (1ul << 8)

#define MIP_SSIP (1ul << 1)
#define MIP_MSIP (1ul << 3)
#define MIP_STIP (1ul << 5)
#define MIP_MTIP (1ul << 7)
#define MIP_SEIP (1ul << 9)
#define MIP_LCOFIP (1ul << 13)
#define MIP_SUPERVISOR (MIP_SSIP | MIP_STIP | MIP_SEIP | MIP_LCOFIP)

#define MENVCFG_CBIE_INVAL (3ul << 4)
#define MENVCFG_CBCFE (1ul << 6)
#define MENVCFG_CBZE (1ul << 7)
#define MENVCFG_ADUE (1ul << 61)
#define MENVCFG_PBMTE (1ul << 62)
#define MENVCFG_STCE (1ul << 63)

#define PMP_R 0x01ul
#define PMP_W 0x02ul
#define PMP_X 0x04ul
#define PMP_NAPOT 0x18ul

#define CAUSE_INTERRUPT (1ul << 63)
#define IRQ_M_SOFT 3
#define IRQ_M_TIMER 7
#define CAUSE_ILLEGAL 2
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_ECALL_S 9
