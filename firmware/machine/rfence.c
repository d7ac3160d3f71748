/* SBI RFENCE: one request at a time, executed by its target harts and acknowledged by a count. */
#include "machine.h"

enum { FENCE_I, SFENCE, SFENCE_ASID, HFENCE_GVMA_VMID, HFENCE_GVMA, HFENCE_VVMA_ASID, HFENCE_VVMA, KINDS };

#define PAGE 4096ul
#define FLUSH_ALL_ABOVE (64 * PAGE)
#define HGATP_VMID (0x3ffful << 44)

static struct fence request;
static u32 request_owner;
static u32 outstanding;

static void sfence(u64 address, const struct fence *f)
{
    if (f->kind == SFENCE)
        __asm__ volatile("sfence.vma %0, zero" : : "r"(address) : "memory");
    else
        __asm__ volatile("sfence.vma %0, %1" : : "r"(address), "r"(f->id) : "memory");
}

static void hfence(u64 address, const struct fence *f)
{
    if (f->kind == HFENCE_GVMA_VMID)
        __asm__ volatile("hfence.gvma %0, %1" : : "r"(address >> 2), "r"(f->id) : "memory");
    else if (f->kind == HFENCE_GVMA)
        __asm__ volatile("hfence.gvma %0, zero" : : "r"(address >> 2) : "memory");
    else if (f->kind == HFENCE_VVMA_ASID)
        __asm__ volatile("hfence.vvma %0, %1" : : "r"(address), "r"(f->id) : "memory");
    else
        __asm__ volatile("hfence.vvma %0, zero" : : "r"(address) : "memory");
}

static void fence_all(const struct fence *f)
{
    switch (f->kind) {
    case SFENCE: __asm__ volatile("sfence.vma" : : : "memory"); break;
    case SFENCE_ASID: __asm__ volatile("sfence.vma zero, %0" : : "r"(f->id) : "memory"); break;
    case HFENCE_GVMA_VMID: __asm__ volatile("hfence.gvma zero, %0" : : "r"(f->id) : "memory"); break;
    case HFENCE_GVMA: __asm__ volatile("hfence.gvma" : : : "memory"); break;
    case HFENCE_VVMA_ASID: __asm__ volatile("hfence.vvma zero, %0" : : "r"(f->id) : "memory"); break;
    default: __asm__ volatile("hfence.vvma" : : : "memory"); break;
    }
}

static void execute(const struct fence *f)
{
    bool all = (f->start == 0 && f->size == 0) || f->size > FLUSH_ALL_ABOVE;
    u64 hgatp = 0;
    if (f->kind == FENCE_I) {
        __asm__ volatile("fence.i" : : : "memory");
        return;
    }
    /* HFENCE.VVMA works on hgatp.VMID, and the SBI means the caller's VMID. */
    if (f->kind >= HFENCE_VVMA_ASID) {
        hgatp = CSR_READ(hgatp);
        CSR_WRITE(hgatp, (hgatp & ~HGATP_VMID) | f->vmid);
    }
    if (all)
        fence_all(f);
    for (u64 offset = 0; !all && offset < f->size; offset += PAGE)
        f->kind <= SFENCE_ASID ? sfence(f->start + offset, f) : hfence(f->start + offset, f);
    if (f->kind >= HFENCE_VVMA_ASID)
        CSR_WRITE(hgatp, hgatp);
}

void fence_serve(void)
{
    execute(&request);
    __atomic_fetch_sub(&outstanding, 1, __ATOMIC_RELEASE);
}

/* Two harts may fence each other at the same time: whoever waits goes on serving its own events. */
void fence_harts(u64 harts, const struct fence *wanted)
{
    u64 others = harts & ~(1ul << this_hart()->id);
    if (harts != others)
        execute(wanted);
    if (!others)
        return;
    while (__atomic_exchange_n(&request_owner, 1, __ATOMIC_ACQUIRE))
        handle_events();
    request = *wanted;
    __atomic_store_n(&outstanding, (u32)__builtin_popcountl(others), __ATOMIC_RELEASE);
    send_event(others, EVENT_FENCE);
    while (__atomic_load_n(&outstanding, __ATOMIC_ACQUIRE))
        handle_events();
    __atomic_store_n(&request_owner, 0, __ATOMIC_RELEASE);
}

static struct sbi_return rfence_call(u64 function, const u64 *argument)
{
    u64 harts;
    struct fence f = { function, argument[2], argument[3], argument[4], 0 };
    if (function >= KINDS || (function >= HFENCE_GVMA_VMID && !platform.has_h))
        return (struct sbi_return){ SBI_NOT_SUPPORTED, 0 };
    if (!hart_mask(argument[0], argument[1], &harts))
        return (struct sbi_return){ SBI_INVALID_PARAM, 0 };
    if (function == FENCE_I)
        f.start = f.size = 0;
    else if (f.size != -1ul && f.start + f.size < f.start)
        return (struct sbi_return){ SBI_INVALID_ADDRESS, 0 };
    if (f.size != -1ul && f.size) {
        f.size += f.start % PAGE;
        f.start -= f.start % PAGE;
    }
    if (function >= HFENCE_VVMA_ASID)
        f.vmid = CSR_READ(hgatp) & HGATP_VMID;
    fence_harts(harts, &f);
    return (struct sbi_return){ SBI_SUCCESS, 0 };
}

const struct extension rfence_extension = { 0x52464e43, 0x52464e43, rfence_call };
