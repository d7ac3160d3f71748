/* CSR access and the few CSR fields that guests use (privileged manual, supervisor chapter). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define CSR_READ(csr) ({ u64 _v; __asm__ volatile("csrr %0, " #csr : "=r"(_v) : : "memory"); _v; })
#define CSR_WRITE(csr, value) __asm__ volatile("csrw " #csr ", %0" : : "rK"((u64)(value)) : "memory")
#define CSR_SET(csr, bits) __asm__ volatile("csrs " #csr ", %0" : : "rK"((u64)(bits)) : "memory")
#define CSR_CLEAR(csr, bits) __asm__ volatile("csrc " #csr ", %0" : : "rK"((u64)(bits)) : "memory")

#define SSTATUS_SIE (1ul << 1)
#define SSTATUS_SPIE (1ul << 5)
#define SSTATUS_SPP (1ul << 8)
#define SSTATUS_FS (3ul << 13)
#define SSTATUS_FS_INITIAL (1ul << 13)
#define SSTATUS_FS_CLEAN (2ul << 13)
#define SSTATUS_SUM (1ul << 18)

#define IRQ_SOFT 1
#define IRQ_TIMER 5
#define IRQ_EXTERNAL 9
#define CAUSE_INTERRUPT (1ul << 63)

enum cause {
    CAUSE_FETCH_ACCESS = 1, CAUSE_ILLEGAL = 2, CAUSE_BREAKPOINT = 3, CAUSE_LOAD_MISALIGNED = 4,
    CAUSE_LOAD_ACCESS = 5, CAUSE_STORE_MISALIGNED = 6, CAUSE_STORE_ACCESS = 7, CAUSE_ECALL_U = 8,
    CAUSE_ECALL_S = 9, CAUSE_FETCH_PAGE = 12, CAUSE_LOAD_PAGE = 13, CAUSE_STORE_PAGE = 15,
};

/* Page-table entry bits and the Sv39 setting of satp. */
#define PTE_V 0x01ul
#define PTE_R 0x02ul
#define PTE_W 0x04ul
#define PTE_X 0x08ul
#define PTE_U 0x10ul
#define PTE_A 0x40ul
#define PTE_D 0x80ul
#define PTE_ADDRESS(pa) ((u64)(pa) >> 12 << 10)
#define SATP_SV39(root) (8ul << 60 | (u64)(root) >> 12)
#define PAGE_SIZE 4096ul

static inline void wfi(void) { __asm__ volatile("wfi" : : : "memory"); }
static inline void cpu_relax(void) { __asm__ volatile("pause" : : : "memory"); }
static inline u64 read_time(void) { return CSR_READ(time); }
static inline void sfence_all(void) { __asm__ volatile("sfence.vma" : : : "memory"); }

/* Device registers: one access of exactly the width asked for, in program order. */
static inline u8 read8(u64 address) { return *(volatile u8 *)address; }
static inline u32 read32(u64 address) { return *(volatile u32 *)address; }
static inline void write8(u64 address, u8 value) { *(volatile u8 *)address = value; }
static inline void write32(u64 address, u32 value) { *(volatile u32 *)address = value; }
static inline void fence(void) { __asm__ volatile("fence iorw, iorw" : : : "memory"); }
