/* hostile: tries to get out of its virtual machine in every way it knows, and reports each attempt. Run
 * directly on a machine, it plays the same against the M-mode firmware. */
#include "attacks.h"

struct machine machine;

static const struct {
    const char *name;
    enum verdict (*run)(void);
} attacks[] = {
#define ROW(name) { #name, attack_##name },
    ATTACKS(ROW)
#undef ROW
};

static void look_around(u64 hart, const void *dtb)
{
    u64 size = 0, harts[64];
    const char *isa = fdt_string(dtb, fdt_device_type(dtb, -1, "cpu"), "riscv,isa");
    machine.dtb = dtb;
    machine.hart = hart;
    machine.harts = (u64)fdt_harts(dtb, harts, 64);
    fdt_reg(dtb, fdt_device_type(dtb, -1, "memory"), &machine.ram_base, &size);
    machine.ram_end = machine.ram_base + size;
    if (!fdt_reg(dtb, fdt_compatible(dtb, -1, "riscv,plic0"), &machine.plic, NULL))
        fdt_reg(dtb, fdt_compatible(dtb, -1, "sifive,plic-1.0.0"), &machine.plic, NULL);
    if (!fdt_reg(dtb, fdt_compatible(dtb, -1, "riscv,clint0"), &machine.clint, NULL))
        fdt_reg(dtb, fdt_compatible(dtb, -1, "sifive,clint0"), &machine.clint, NULL);
    machine.is_virtual = fdt_compatible(dtb, -1, "sifive,test1") < 0;
    /* Single-letter extensions stand before the first underscore, after "rv64". */
    for (isa = isa ? isa + 4 : ""; *isa && *isa != '_' && *isa != 'z' && *isa != 's'; isa++)
        machine.has_h |= *isa == 'h';
}

/* Every attack starts from the same state, whatever the one before left behind. */
static void calm_down(void)
{
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    CSR_WRITE(sie, 0);
    CSR_WRITE(satp, 0);
    sfence_all();
    sbi_set_timer(-1ul);
    CSR_CLEAR(sip, 1 << IRQ_SOFT);
    CSR_SET(sstatus, SSTATUS_FS_INITIAL);
    storm = 0;
}

/* One round of all attacks; later ones only tell of escapes. */
static u32 attack_all(bool first, u32 *tried)
{
    u32 escaped = 0;
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        calm_down();
        enum verdict verdict = attacks[i].run();
        *tried += verdict != SKIPPED;
        escaped += verdict == ESCAPED;
        if (first && verdict == SKIPPED)
            printf("%-24s skipped: not here\n", attacks[i].name);
        else if (first || verdict == ESCAPED)
            printf("%-24s %s\n", attacks[i].name, verdict == ESCAPED ? "ESCAPED" : "contained");
    }
    calm_down();
    return escaped;
}

/* Boot argument rounds=3: how often everything is tried. */
static u64 wanted_rounds(const void *dtb)
{
    const char *text = fdt_string(dtb, fdt_path(dtb, "/chosen"), "bootargs");
    u64 rounds = 0;
    if (text && strncmp(text, "rounds=", 7) == 0)
        for (text += 7; *text >= '0' && *text <= '9'; text++)
            rounds = rounds * 10 + (u64)(*text - '0');
    return rounds ? rounds : 1;
}

bool guest_main(u64 hart, const void *dtb)
{
    u32 tried = 0, again = 0, escaped = 0;
    look_around(hart, dtb);
    printf("attacking from %s\n",
           machine.is_virtual ? "inside a virtual machine" : "S-mode, no hypervisor above");
    escaped = attack_all(true, &tried);
    for (u64 round = wanted_rounds(dtb); round > 1; round--)
        escaped += attack_all(false, &again);
    printf("hostile: %u attacks, %u escaped\n", tried, escaped);
    return escaped == 0;
}
