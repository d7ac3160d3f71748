/* Attacks with mappings that change under whoever looks through them: the hypervisor, when it fetches our
 * instruction or reads through our pointer; the hart, when it remembers what was. */
#include "attacks.h"

enum { CODE_SLOT, DATA_SLOT, NEXT_SLOT, LEAF = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D };

static u64 upper[512] __attribute__((aligned(4096))), lower[512] __attribute__((aligned(4096)));
static u8 pages[3][PAGE_SIZE] __attribute__((aligned(4096)));

static u64 address(int slot) { return VICTIM_VA + (u64)slot * PAGE_SIZE; }
static void map(int slot, u64 physical) { lower[slot] = PTE_ADDRESS(physical) | LEAF; }

/* Three pages at VICTIM_VA, beside RAM and devices 1:1. */
static void window_on(void)
{
    memset(upper, 0, sizeof upper);
    memset(lower, 0, sizeof lower);
    upper[0] = PTE_ADDRESS(lower) | PTE_V;
    for (int slot = 0; slot < 3; slot++)
        map(slot, (u64)pages[slot]);
    paging_on(PTE_ADDRESS(upper) | PTE_V);
}

/* Places a load (a0 = address) and a return into the code page. */
static u64 (*load_stub(u32 insn))(u64, u64)
{
    volatile u32 *code = (volatile u32 *)pages[CODE_SLOT];
    code[0] = insn;
    code[1] = 0x00008067; /* ret */
    __asm__ volatile("fence.i" : : : "memory");
    return (u64 (*)(u64, u64))address(CODE_SLOT);
}

static u64 device(void) { return machine.plic ? machine.plic + 4 * 5 : machine.ram_end; }

/* The page with the load disappears while the hart may still remember it. What comes of it is the device's
 * value, or a fault of our own. */
enum verdict attack_fetch_unmapped(void)
{
    if (!machine.plic)
        return SKIPPED;
    write32(device(), 5);
    window_on();
    u64 (*stub)(u64, u64) = load_stub(INSN_LW);
    bool contained = attempt(stub, device(), 0).value == 5;
    for (int i = 0; i < 100; i++) {
        map(CODE_SLOT, (u64)pages[CODE_SLOT]);
        sfence_all();
        attempt(stub, device(), 0);
        *(volatile u64 *)&lower[CODE_SLOT] = i % 2 ? 0 : PTE_ADDRESS(machine.ram_end) | LEAF;
        struct outcome o = attempt(stub, device(), 0);
        contained &= o.trapped ? o.cause == CAUSE_FETCH_PAGE || o.cause == CAUSE_FETCH_ACCESS : o.value == 5;
    }
    paging_off();
    write32(device(), 0);
    return contained_if(contained);
}

/* Another instruction stands where the load was; whoever fetches it again decides about it, once. */
enum verdict attack_fetch_changed(void)
{
    static const u32 others[] = { INSN_SW, INSN_LD, INSN_LB, 0x00000013 /* nop */, 0 };
    bool contained = true;
    window_on();
    for (size_t i = 0; i < COUNT(others); i++) {
        u64 (*stub)(u64, u64) = load_stub(INSN_LW);
        attempt(stub, device(), 0);
        *(volatile u32 *)pages[CODE_SLOT] = others[i]; /* without FENCE.I */
        struct outcome o = attempt(stub, device(), 0);
        contained &= !o.trapped || o.cause == CAUSE_LOAD_ACCESS || o.cause == CAUSE_STORE_ACCESS || illegal(o);
    }
    paging_off();
    return contained_if(contained);
}

/* SBI calls that read through a virtual pointer get what our own load would get (QEMU 7.2 reports a page fault that
 * HLV meets as an access fault). */
enum verdict attack_pointer_remapped(void)
{
    const u64 targets[] = { machine.ram_end, 0, 1ul << 45, device() };
    bool contained = true;
    if (!machine.is_virtual || !sbi_has(SBI_LEGACY_SEND_IPI))
        return SKIPPED;
    window_on();
    for (size_t i = 0; i < COUNT(targets); i++) {
        map(DATA_SLOT, targets[i] & ~(PAGE_SIZE - 1));
        sfence_all();
        sbi_call(SBI_LEGACY_CLEAR_IPI, 0, 0, 0, 0, 0, 0);
        struct outcome o = attempt(legacy_call, SBI_LEGACY_SEND_IPI, address(DATA_SLOT));
        contained &= faulted(o, CAUSE_LOAD_ACCESS) || faulted(o, CAUSE_LOAD_PAGE) || o.value != 0;
        lower[DATA_SLOT] = 0;
        sfence_all();
        o = attempt(legacy_call, SBI_LEGACY_SEND_IPI, address(DATA_SLOT));
        contained &= faulted(o, CAUSE_LOAD_PAGE) || faulted(o, CAUSE_LOAD_ACCESS);
    }
    contained &= (CSR_READ(sip) & 1 << IRQ_SOFT) == 0;
    paging_off();
    return contained_if(contained);
}

/* After a fence, no translation from before it: neither with our ASID nor with another. */
enum verdict attack_stale_translation(void)
{
    bool contained = true;
    u64 satp, asids;
    pages[1][0] = 1;
    pages[2][0] = 2;
    window_on();
    satp = CSR_READ(satp);
    CSR_WRITE(satp, satp | 0xfffful << 44);
    asids = (CSR_READ(satp) >> 44 & 0xffff) + 1;
    for (u64 round = 0; round < 64; round++) {
        u64 asid = round * 7 % asids;
        int page = 1 + (int)(round % 2);
        CSR_WRITE(satp, satp | asid << 44);
        (void)*(volatile u8 *)address(DATA_SLOT);
        map(DATA_SLOT, (u64)pages[page]);
        if (round % 3 == 0)
            sfence_all();
        else if (round % 3 == 1)
            __asm__ volatile("sfence.vma zero, %0" : : "r"(asid) : "memory");
        else
            __asm__ volatile("sfence.vma %0, zero" : : "r"(address(DATA_SLOT)) : "memory");
        contained &= *(volatile u8 *)address(DATA_SLOT) == page;
    }
    paging_off();
    return contained_if(contained);
}

/* Half of the access is memory of ours, the other half a place where nothing is, or a device. */
enum verdict attack_straddle_mappings(void)
{
    static const u32 insns[] = { INSN_LD, INSN_LW, INSN_SD, INSN_SW, INSN_FLD, INSN_FSD };
    const u64 beyond[] = { machine.ram_end, 0, 1ul << 45 };
    bool contained = true;
    if (!machine.is_virtual)
        return SKIPPED;
    window_on();
    for (size_t t = 0; t < COUNT(beyond); t++)
        for (size_t i = 0; i < COUNT(insns); i++) {
            map(DATA_SLOT, (u64)pages[DATA_SLOT]);
            map(NEXT_SLOT, beyond[t] & ~(PAGE_SIZE - 1));
            sfence_all();
            contained &= attempt_insn(insns[i], address(NEXT_SLOT) - 2, -1ul).trapped;
            map(DATA_SLOT, beyond[t] & ~(PAGE_SIZE - 1));
            map(NEXT_SLOT, (u64)pages[NEXT_SLOT]);
            sfence_all();
            contained &= attempt_insn(insns[i], address(NEXT_SLOT) - 2, -1ul).trapped;
        }
    map(DATA_SLOT, (u64)pages[DATA_SLOT]);
    map(NEXT_SLOT, device() & ~(PAGE_SIZE - 1));
    sfence_all();
    for (size_t i = 0; i < COUNT(insns); i++) /* whatever comes of it */
        attempt_insn(insns[i], address(NEXT_SLOT) - 2, 0);
    paging_off();
    return contained_if(contained);
}
