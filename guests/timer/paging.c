/* Sv39 (privileged manual, chapter "Sv39"): three levels of 512 entries; a leaf may stand at any level. */
#include "paging.h"

#define STACKS_BASE 0x2000000000ul /* far from everything that is mapped 1:1 */
#define STACK_STRIDE ((STACK_PAGES + 1) * PAGE_SIZE)
#define KERNEL_BASE 0x80200000ul
#define INDEX(va, level) ((va) >> (12 + 9 * (level)) & 511)

typedef u64 page_table[512] __attribute__((aligned(4096)));

static page_table root, kernel_middle, kernel_pages, device_middle, stack_middle, stack_pages;

static u64 pointer(const page_table table) { return PTE_ADDRESS(table) | PTE_V; }

/* A and D are set in advance: without Svadu, a hart faults where it would have to set them. */
static u64 leaf(u64 pa, u64 permissions) { return PTE_ADDRESS(pa) | permissions | PTE_V | PTE_A | PTE_D; }

void paging_init(u64 device)
{
    root[INDEX(KERNEL_BASE, 2)] = pointer(kernel_middle);
    kernel_middle[INDEX(KERNEL_BASE, 1)] = pointer(kernel_pages);
    for (u64 pa = (u64)__image_start; pa < (u64)__image_end; pa += PAGE_SIZE)
        kernel_pages[INDEX(pa, 0)] = leaf(pa, pa < (u64)__text_end ? PTE_R | PTE_X : PTE_R | PTE_W);
    if (device) {
        u64 megapage = device & ~0x1ffffful;
        root[INDEX(device, 2)] = pointer(device_middle);
        device_middle[INDEX(device, 1)] = leaf(megapage, PTE_R | PTE_W);
    }
    root[INDEX(STACKS_BASE, 2)] = pointer(stack_middle);
    stack_middle[INDEX(STACKS_BASE, 1)] = pointer(stack_pages);
    sfence_all();
    CSR_WRITE(satp, SATP_SV39(root));
    sfence_all();
}

u64 paging_map_stack(int n, void *memory)
{
    u64 va = STACKS_BASE + (u64)n * STACK_STRIDE + PAGE_SIZE;
    for (u64 i = 0; i < STACK_PAGES; i++)
        stack_pages[INDEX(va, 0) + i] = leaf((u64)memory + i * PAGE_SIZE, PTE_R | PTE_W);
    sfence_all();
    return va + STACK_PAGES * PAGE_SIZE;
}

u64 paging_stack_guard(int n) { return STACKS_BASE + (u64)n * STACK_STRIDE; }
