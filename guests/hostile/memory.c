/* Attacks on memory that is not ours: physical addresses outside RAM, and page tables that point there. */
#include "attacks.h"

static const u32 loads[] = { INSN_LB, INSN_LH, INSN_LW, INSN_LD };
static const u32 stores[] = { INSN_SB, INSN_SH, INSN_SW, INSN_SD };

static bool all_loads_fault(u64 address)
{
    bool contained = true;
    for (size_t i = 0; i < COUNT(loads); i++)
        contained &= faulted(attempt_insn(loads[i], address, 0), CAUSE_LOAD_ACCESS);
    return contained;
}

static bool all_stores_fault(u64 address, u64 value)
{
    bool contained = true;
    for (size_t i = 0; i < COUNT(stores); i++)
        contained &= faulted(attempt_insn(stores[i], address, value), CAUSE_STORE_ACCESS);
    return contained;
}

/* An AMO's fault is a store's (unprivileged manual, "A"), but QEMU 7.2 reports a load's; both contain it. */
static bool amo_faults(u32 insn, u64 address)
{
    struct outcome o = attempt_insn(insn, address, 1);
    return faulted(o, CAUSE_STORE_ACCESS) || faulted(o, CAUSE_LOAD_ACCESS);
}

/* Without a hypervisor, the machine's own devices may lie below RAM: that is no attack. */
enum verdict attack_read_below_ram(void)
{
    if (!machine.is_virtual)
        return SKIPPED;
    return contained_if(all_loads_fault(machine.ram_base - 8) &&
                        all_loads_fault(machine.ram_base - 0x200000) && all_loads_fault(0));
}

enum verdict attack_write_below_ram(void)
{
    if (!machine.is_virtual)
        return SKIPPED;
    return contained_if(all_stores_fault(machine.ram_base - 8, -1ul) &&
                        all_stores_fault(machine.ram_base - 0x200000, -1ul) && all_stores_fault(0, -1ul));
}

enum verdict attack_read_above_ram(void)
{
    return contained_if(all_loads_fault(machine.ram_end) && all_loads_fault(machine.ram_end + PAGE_SIZE) &&
                        all_loads_fault(machine.ram_end + 0x40000000));
}

enum verdict attack_write_above_ram(void)
{
    return contained_if(all_stores_fault(machine.ram_end, -1ul) &&
                        all_stores_fault(machine.ram_end + PAGE_SIZE, -1ul) &&
                        all_stores_fault(machine.ram_end + 0x40000000, -1ul));
}

/* Directly on a machine, the M-mode firmware lies at 0x80000000; in a VM that is our own RAM. */
enum verdict attack_read_firmware(void)
{
    u64 firmware = 0x80000000;
    if (machine.is_virtual)
        return SKIPPED;
    return contained_if(all_loads_fault(firmware) && all_stores_fault(firmware, 0) &&
                        amo_faults(INSN_AMOADD_D, firmware));
}

/* Addresses beyond what second-stage translation takes (41, 50 and 59 bits) and beyond any physical
 * address. */
enum verdict attack_huge_addresses(void)
{
    bool contained = true;
    for (u32 bit = 40; bit < 64; bit++)
        contained &= all_loads_fault(1ul << bit) && all_stores_fault(1ul << bit | machine.ram_base, 0);
    return contained_if(contained && all_loads_fault(-8ul) && all_stores_fault(-8ul, 0));
}

/* The first half of the access is ours, the second is not. */
enum verdict attack_straddle_end_of_ram(void)
{
    struct outcome load = attempt_insn(INSN_LD, machine.ram_end - 4, 0);
    struct outcome store = attempt_insn(INSN_SD, machine.ram_end - 4, -1ul);
    return contained_if((faulted(load, CAUSE_LOAD_ACCESS) || faulted(load, CAUSE_LOAD_MISALIGNED)) &&
                        (faulted(store, CAUSE_STORE_ACCESS) || faulted(store, CAUSE_STORE_MISALIGNED)));
}

enum verdict attack_execute_outside(void)
{
    bool contained = true;
    u64 targets[] = { machine.ram_end, machine.ram_end + 0x40000000, 1ul << 55,
                      machine.is_virtual ? 0 : 1ul << 50 };
    for (size_t i = 0; i < COUNT(targets); i++)
        contained &= faulted(attempt((u64 (*)(u64, u64))targets[i], 0, 0), CAUSE_FETCH_ACCESS);
    return contained_if(contained);
}

enum verdict attack_atomics_outside(void)
{
    u64 end = machine.ram_end;
    return contained_if(faulted(attempt_insn(INSN_LR_D, end, 0), CAUSE_LOAD_ACCESS) &&
                        amo_faults(INSN_AMOADD_D, end) &&
                        amo_faults(INSN_AMOSWAP_W, end));
}

enum verdict attack_float_outside(void)
{
    return contained_if(faulted(attempt_insn(INSN_FLD, machine.ram_end, 0), CAUSE_LOAD_ACCESS) &&
                        faulted(attempt_insn(INSN_FSD, machine.ram_end, 0), CAUSE_STORE_ACCESS));
}

/* Cache-block operations may be switched off (illegal) or must respect memory like stores. Directly on a
 * machine without caches, all but cbo.zero may find nothing to do. */
enum verdict attack_cache_blocks_outside(void)
{
    static const u32 operations[] = { INSN_CBO_INVAL, INSN_CBO_CLEAN, INSN_CBO_FLUSH, INSN_CBO_ZERO };
    bool contained = true;
    for (size_t i = 0; i < COUNT(operations); i++) {
        struct outcome o = attempt_insn(operations[i], machine.ram_end, 0);
        bool no_op = !o.trapped && !machine.is_virtual && operations[i] != INSN_CBO_ZERO;
        contained &= illegal(o) || faulted(o, CAUSE_STORE_ACCESS) || no_op;
    }
    return contained_if(contained);
}

/* An invalidation that drops a dirty cache line would bring back what another VM had in this memory. */
enum verdict attack_cache_block_inval(void)
{
    static volatile u64 line[16] __attribute__((aligned(128)));
    for (int i = 0; i < 16; i++)
        line[i] = 0x1111111111111111ul * (u64)i;
    attempt_insn(INSN_CBO_INVAL, (u64)line, 0);
    bool contained = true;
    for (int i = 0; i < 16; i++)
        contained &= line[i] == 0x1111111111111111ul * (u64)i;
    return contained_if(contained);
}

/* Whether the device tree gives us the virtio slot there. */
static bool own_slot(u64 address)
{
    for (int node = -1; (node = fdt_compatible(machine.dtb, node, "virtio,mmio")) >= 0;) {
        u64 base = 0;
        if (fdt_reg(machine.dtb, node, &base, NULL) && base == address)
            return true;
    }
    return false;
}

/* Devices of the real machine that a VM was not given: the finisher would end every VM's life. */
enum verdict attack_machine_devices(void)
{
    static const u64 devices[] = {
        0x1000 /* boot ROM */, 0x100000 /* finisher */, 0x3000000 /* PCI I/O */, 0x4000000 /* platform bus */,
        0x10001000, 0x10002000, 0x10003000, 0x10004000 /* virtio slots */,
        0x10005000, 0x10006000, 0x10007000, 0x10008000,
        0x10100000 /* fw_cfg */, 0x20000000 /* flash */, 0x24000000, 0x28000000 /* IMSICs */, 0x30000000,
    };
    bool contained = true;
    if (!machine.is_virtual)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(devices); i++)
        contained &= own_slot(devices[i]) ||
                     (all_loads_fault(devices[i]) && all_stores_fault(devices[i], 0x5555));
    return contained_if(contained);
}

static u64 root[512] __attribute__((aligned(4096)));
static u64 middle[512] __attribute__((aligned(4096)));

void paging_on(u64 victim_entry)
{
    u64 leaf = PTE_V | PTE_R | PTE_W | PTE_A | PTE_D;
    memset(root, 0, sizeof root);
    root[0] = leaf;
    for (u64 gigapage = machine.ram_base >> 30; gigapage <= (machine.ram_end - 1) >> 30; gigapage++)
        root[gigapage] = PTE_ADDRESS(gigapage << 30) | leaf | PTE_X;
    root[VICTIM_INDEX] = victim_entry;
    sfence_all();
    CSR_WRITE(satp, SATP_SV39(root));
    sfence_all();
}

void paging_off(void)
{
    CSR_WRITE(satp, 0);
    sfence_all();
}

/* When the walk itself goes astray, the cause is that of the instruction's own access; QEMU 7.2 names the
 * walk's read even for a store. */
static bool access_or_page_fault(struct outcome o)
{
    return faulted(o, CAUSE_LOAD_ACCESS) || faulted(o, CAUSE_STORE_ACCESS) || faulted(o, CAUSE_LOAD_PAGE) ||
           faulted(o, CAUSE_STORE_PAGE);
}

static bool victim_faults(u64 victim_entry)
{
    paging_on(victim_entry);
    bool contained = access_or_page_fault(attempt_insn(INSN_LD, VICTIM_VA, 0)) &&
                     access_or_page_fault(attempt_insn(INSN_SD, VICTIM_VA, -1ul));
    paging_off();
    return contained;
}

enum verdict attack_page_table_leaf(void)
{
    u64 leaf = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
    u64 above = (machine.ram_end + 0x3fffffff) & ~0x3ffffffful;
    memset(middle, 0, sizeof middle);
    middle[0] = PTE_ADDRESS((machine.ram_end + 0x1fffff) & ~0x1ffffful) | leaf;
    return contained_if(victim_faults(PTE_ADDRESS(above) | leaf) &&
                        victim_faults(PTE_ADDRESS(1ul << 55) | leaf) &&
                        victim_faults(PTE_ADDRESS(middle) | PTE_V));
}

/* The table itself lies outside: the hardware's own walk makes the access. */
enum verdict attack_page_table_pointer(void)
{
    return contained_if(victim_faults(PTE_ADDRESS(machine.ram_end) | PTE_V) &&
                        victim_faults(PTE_ADDRESS(1ul << 45) | PTE_V) &&
                        victim_faults(PTE_ADDRESS(1ul << 55) | PTE_V));
}

/* A satp with a reserved MODE is not written at all (privileged manual, satp). */
enum verdict attack_satp_reserved_mode(void)
{
    bool contained = true;
    for (u64 mode = 1; mode < 16; mode++) {
        if (mode >= 8 && mode <= 10)
            continue;
        CSR_WRITE(satp, mode << 60 | (u64)root >> 12);
        contained &= CSR_READ(satp) == 0;
    }
    return contained_if(contained);
}

/* Everything below RAM that is no device of ours, in steps of a megabyte, and a way beyond it. */
enum verdict attack_gstage_holes(void)
{
    bool contained = true;
    if (!machine.is_virtual)
        return SKIPPED;
    for (u64 at = 0x100000; at < machine.ram_base; at += 0x100000) {
        bool ours = at - 0x02000000 < 0x10000 || at - machine.plic < 0x600000 || at == 0x10000000;
        contained &= ours || faulted(attempt_insn(INSN_LW, at, 0), CAUSE_LOAD_ACCESS);
    }
    for (u64 at = machine.ram_end; at < machine.ram_end + 0x4000000; at += 0x100000)
        contained &= faulted(attempt_insn(INSN_SW, at, -1ul), CAUSE_STORE_ACCESS);
    return contained_if(contained);
}

static u64 device_register(void) { return machine.plic + 4 * 5; }

/* Device memory need not take cache-block operations; it must not take them for stores. */
enum verdict attack_cache_blocks_on_devices(void)
{
    static const u32 operations[] = { INSN_CBO_INVAL, INSN_CBO_CLEAN, INSN_CBO_FLUSH, INSN_CBO_ZERO };
    bool contained = true;
    if (!machine.is_virtual || !machine.plic)
        return SKIPPED;
    write32(device_register(), 5);
    for (size_t i = 0; i < COUNT(operations); i++) {
        struct outcome o = attempt_insn(operations[i], device_register(), 0);
        contained &= !o.trapped || illegal(o) || faulted(o, CAUSE_STORE_ACCESS);
        contained &= read32(device_register()) == 5;
    }
    write32(device_register(), 0);
    return contained_if(contained);
}

/* Atomic, floating-point and misaligned accesses to a register of four bytes. */
enum verdict attack_odd_accesses_to_devices(void)
{
    static const u32 insns[] = { INSN_LR_D, INSN_SC_D, INSN_AMOADD_D, INSN_AMOSWAP_W, INSN_FLD, INSN_FSD, INSN_LD,
                                 INSN_SD, INSN_LH, INSN_SH, INSN_LB, INSN_SB };
    if (!machine.is_virtual || !machine.plic)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(insns); i++)
        for (u64 offset = 0; offset < 8; offset++)
            attempt_insn(insns[i], device_register() + offset, 3);
    write32(device_register(), 6);
    bool works = read32(device_register()) == 6;
    write32(device_register(), 0);
    return contained_if(works);
}
