/* The machine as the privileged manual names it: CSR access, field masks, causes, fences. */
#ifndef RISCV_H
#define RISCV_H

/* Offsets into struct vcpu and struct hart that trap.S uses; vcpu.c and hart.c assert them. */
#define VCPU_X(n)      ((n) * 8)
#define VCPU_PC        256
#define VCPU_SSTATUS   264
#define VCPU_HSTATUS   272
#define VCPU_SCAUSE    280
#define VCPU_STVAL     288
#define VCPU_HTVAL     296
#define VCPU_HTINST    304
#define VCPU_HOST_SP   312
#define VCPU_HOST_TP   320
#define VCPU_F(n)      (328 + (n) * 8)
#define VCPU_FCSR      584
#define VCPU_MEASURED  592
#define VCPU_CYCLES    600
#define VCPU_INSNS     608
#define VECTOR_VSTART    0
#define VECTOR_VL        8
#define VECTOR_VTYPE     16
#define VECTOR_VCSR      24
#define VECTOR_REGISTERS 32
#define HART_GUARD     0
#define HART_STACK_TOP 8
#define HART_ID        16
#define HART_SIZE      320
#define HART_MAX       64

#define HSTATUS_SPV_BIT 0x80

#define PAGE_SIZE 4096
#define STACK_SIZE 16384

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define csr_read(name) \
    ({ uint64_t v_; __asm__ volatile("csrr %0, " #name : "=r"(v_) :: "memory"); v_; })
#define csr_write(name, val) ({ __asm__ volatile("csrw " #name ", %0" :: "rK"((uint64_t)(val)) : "memory"); })
#define csr_set(name, val)   ({ __asm__ volatile("csrs " #name ", %0" :: "rK"((uint64_t)(val)) : "memory"); })
#define csr_clear(name, val) ({ __asm__ volatile("csrc " #name ", %0" :: "rK"((uint64_t)(val)) : "memory"); })

#define BIT(n) (1ull << (n))

/* sstatus and vsstatus */
#define SSTATUS_SIE   BIT(1)
#define SSTATUS_SPIE  BIT(5)
#define SSTATUS_SPP   BIT(8)
#define SSTATUS_FS    (3ull << 13)
#define SSTATUS_FS_INITIAL (1ull << 13)
#define SSTATUS_FS_CLEAN   (2ull << 13)
#define SSTATUS_VS    (3ull << 9)
#define SSTATUS_VS_INITIAL (1ull << 9)
#define SSTATUS_VS_CLEAN   (2ull << 9)
#define SSTATUS_UXL_64     (2ull << 32)

/* vtype */
#define VTYPE_VILL    BIT(63)

/* hstatus */
#define HSTATUS_GVA   BIT(6)
#define HSTATUS_SPV   BIT(7)
#define HSTATUS_SPVP  BIT(8)
#define HSTATUS_VTW   BIT(21)
#define HSTATUS_VSXL_64 (2ull << 32)

/* henvcfg */
#define HENVCFG_LPE   BIT(2)
#define HENVCFG_SSE   BIT(3)
#define HENVCFG_CBIE_FLUSH (1ull << 4)
#define HENVCFG_CBCFE BIT(6)
#define HENVCFG_CBZE  BIT(7)
#define HENVCFG_PMM   (3ull << 32)
#define HENVCFG_PMM_7 (2ull << 32)
#define HENVCFG_PMM_16 (3ull << 32)
#define HENVCFG_DTE   BIT(59)
#define HENVCFG_ADUE  BIT(61)
#define HENVCFG_PBMTE BIT(62)
#define HENVCFG_STCE  BIT(63)

/* hcounteren and scounteren: CY, TM, IR */
#define GUEST_COUNTERS 7
#define COUNTEREN_TM   2

/* hgatp */
#define HGATP_MODE_SHIFT 60
#define HGATP_VMID_SHIFT 44
#define HGATP_VMID_MASK  0x3fffull
#define HGATP_SV39X4 8ull
#define HGATP_SV48X4 9ull
#define HGATP_SV57X4 10ull

/* Page-table entries, the same at both stages. */
#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4)
#define PTE_A BIT(6)
#define PTE_D BIT(7)

/* Interrupts: HS level in sie and sip, VS level in hie, hip, hvip, hideleg. */
#define IRQ_S_SOFT   1
#define IRQ_VS_SOFT  2
#define IRQ_S_TIMER  5
#define IRQ_VS_TIMER 6
#define IRQ_S_EXT    9
#define IRQ_VS_EXT   10
#define CAUSE_INTERRUPT BIT(63)

/* Exceptions */
enum cause {
    CAUSE_FETCH_MISALIGNED = 0, CAUSE_FETCH_ACCESS = 1, CAUSE_ILLEGAL = 2, CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4, CAUSE_LOAD_ACCESS = 5, CAUSE_STORE_MISALIGNED = 6, CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8, CAUSE_ECALL_S = 9, CAUSE_ECALL_VS = 10, CAUSE_FETCH_PAGE = 12, CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15, CAUSE_FETCH_GUEST_PAGE = 20, CAUSE_LOAD_GUEST_PAGE = 21,
    CAUSE_VIRTUAL_INSTRUCTION = 22, CAUSE_STORE_GUEST_PAGE = 23,
};

static inline uint64_t rdtime(void) { return csr_read(time); }
static inline void hfence_gvma_all(void) { __asm__ volatile("hfence.gvma x0, x0" ::: "memory"); }
static inline void hfence_vvma_all(void) { __asm__ volatile("hfence.vvma x0, x0" ::: "memory"); }
static inline void hfence_vvma_asid(uint64_t asid)
{
    __asm__ volatile("hfence.vvma x0, %0" :: "r"(asid) : "memory");
}
static inline void hfence_vvma_address(uint64_t gva)
{
    __asm__ volatile("hfence.vvma %0, x0" :: "r"(gva) : "memory");
}
static inline void hfence_vvma_address_asid(uint64_t gva, uint64_t asid)
{
    __asm__ volatile("hfence.vvma %0, %1" :: "r"(gva), "r"(asid) : "memory");
}
static inline void fence_i(void) { __asm__ volatile("fence.i" ::: "memory"); }
static inline void wfi(void) { __asm__ volatile("wfi" ::: "memory"); }

/* Orders a store to a shared flag against a later load of another (Dekker), and memory against devices. */
static inline void fence_full(void) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }
#endif
#endif
