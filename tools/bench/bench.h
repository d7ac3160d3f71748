// What a bench program is made of. A program = one workload file + one runner file + start.S and runtime.c.
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);

#define csr_read(name) ({ uint64_t v_; __asm__ volatile("csrr %0, " #name : "=r"(v_)); v_; })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(bits)) : "memory")

#define PAGE 4096ul

// Page-table entry bits (privileged manual, "Sv39"). A and D are set so that no walk has to.
enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_A = 64, PTE_D = 128 };
#define PTE_KERNEL (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)

// Virtual window of 4 KiB pages for the page-table programs, and the frames behind it: RAM above the program.
#define WINDOW 0x1000000000ul
#ifndef WINDOW_PAGES
#define WINDOW_PAGES 640
#endif
#define FRAMES 0x84000000ul
#define FRAME(n) (FRAMES + (n) * PAGE)

// Repeats of the measured loop; the build sets it.
#ifndef REPEAT
#error "REPEAT is not set"
#endif

// The measured part: REPEAT rounds in whatever mode the runner chose. Returns how many were wrong.
uint64_t workload(void);

// Calls the workload; called in M-mode with translation off. Returns what the workload returned.
uint64_t run(void);

// From start.S.
int peek(const volatile uint8_t *address);
uint64_t run_below(uint64_t (*function)(void), uint64_t virtualized);
void hs_exit(void);

// From paging.c: entry of a 4 KiB page under a root table of 2^root_bits entries; makes tables on the way.
uint64_t *leaf(uint64_t *root, unsigned root_bits, uint64_t address);
extern uint64_t s_root[512];          // Sv39, S-mode or VS-mode: program and frames identity, and the window
extern uint64_t g_root[2048];         // Sv39x4: program and frames identity
void build_s_stage(void);
void build_g_stage(void);
uint64_t satp_of(const uint64_t *root);  // MODE 8 (Sv39, Sv39x4), ASID or VMID 0

#endif
