/* The device tree that a guest is given: the virt-like machine that this hypervisor emulates. */
#include "vm.h"

enum { PHANDLE_PLIC = 1, PHANDLE_INTC = 16 /* + vCPU */, MAX_ISA = 1024, NDEV = VPLIC_SOURCES - 1 };

#define HI(x) (u32)((x) >> 32)
#define LO(x) (u32)(x)

/* Extensions whose state or controls a guest may have here. Each is passed on if the machine has it and
   henvcfg grants the bits. */
static const struct { const char *name; u64 henvcfg; } guest_extensions[] = {
    {"i", 0}, {"m", 0}, {"a", 0}, {"f", 0}, {"d", 0}, {"c", 0}, {"v", 0},
    {"zicbom", HENVCFG_CBCFE | HENVCFG_CBIE_FLUSH}, {"zicbop", 0}, {"zicboz", HENVCFG_CBZE},
    {"zicntr", 0}, {"zicond", 0}, {"zicsr", 0}, {"zifencei", 0}, {"zihintntl", 0}, {"zihintpause", 0},
    {"zimop", 0}, {"zaamo", 0}, {"zalrsc", 0}, {"zacas", 0}, {"zabha", 0}, {"zawrs", 0},
    {"zfa", 0}, {"zfh", 0}, {"zfhmin", 0}, {"zca", 0}, {"zcb", 0}, {"zcd", 0}, {"zcmop", 0},
    {"zba", 0}, {"zbb", 0}, {"zbc", 0}, {"zbkb", 0}, {"zbkc", 0}, {"zbkx", 0}, {"zbs", 0},
    {"zknd", 0}, {"zkne", 0}, {"zknh", 0}, {"zksed", 0}, {"zksh", 0},
    {"zve32f", 0}, {"zve32x", 0}, {"zve64d", 0}, {"zve64f", 0}, {"zve64x", 0},
    {"zvbb", 0}, {"zvbc", 0}, {"zvfbfmin", 0}, {"zvfbfwma", 0}, {"zvfh", 0}, {"zvfhmin", 0},
    {"zvkb", 0}, {"zvkg", 0}, {"zvkned", 0}, {"zvknha", 0}, {"zvknhb", 0}, {"zvksed", 0}, {"zvksh", 0},
    {"zvl128b", 0}, {"zvl256b", 0}, {"zvl512b", 0}, {"zvl1024b", 0}, {"zvl32b", 0}, {"zvl64b", 0},
    {"sstc", HENVCFG_STCE}, {"svinval", 0}, {"svnapot", 0}, {"svpbmt", HENVCFG_PBMTE},
};

/* Writes riscv,isa ("rv64imafdc_zicsr...") and the list form of the same into the cpu node. */
static void write_isa(struct fdt_writer *w)
{
    char string[MAX_ISA] = "rv64", list[MAX_ISA];
    u32 string_len = 4, list_len = 0;

    for (u32 i = 0; i < ARRAY_LEN(guest_extensions); i++) {
        const char *name = guest_extensions[i].name;
        u64 needs = guest_extensions[i].henvcfg;
        u32 n = (u32)strlen(name);
        if (!platform_has_extension(name) || (features.henvcfg & needs) != needs)
            continue;
        string_len += (u32)format(string + string_len, MAX_ISA - string_len, n > 1 ? "_%s" : "%s", name);
        list_len += (u32)format(list + list_len, MAX_ISA - list_len, "%s", name) + 1;
    }
    fdtw_string(w, "riscv,isa", string);
    fdtw_string(w, "riscv,isa-base", "rv64i");
    fdtw_prop(w, "riscv,isa-extensions", list, list_len);
    if (platform.cbom_size)
        FDTW_CELLS(w, "riscv,cbom-block-size", platform.cbom_size);
    if (platform.cboz_size)
        FDTW_CELLS(w, "riscv,cboz-block-size", platform.cboz_size);
}

static void write_cpus(struct fdt_writer *w, const struct vm *vm)
{
    fdtw_node(w, "cpus");
    FDTW_CELLS(w, "#address-cells", 1);
    FDTW_CELLS(w, "#size-cells", 0);
    FDTW_CELLS(w, "timebase-frequency", (u32)platform.timebase);
    for (u32 i = 0; i < vm->vcpu_count; i++) {
        fdtw_node(w, "cpu@%u", i);
        fdtw_string(w, "device_type", "cpu");
        FDTW_CELLS(w, "reg", i);
        fdtw_string(w, "status", "okay");
        fdtw_string(w, "compatible", "riscv");
        write_isa(w);
        if (platform.mmu_type)           /* the VS-stage has the modes of the S-mode one (Shvsatpa) */
            fdtw_string(w, "mmu-type", platform.mmu_type);
        fdtw_node(w, "interrupt-controller");
        FDTW_CELLS(w, "#address-cells", 0);
        FDTW_CELLS(w, "#interrupt-cells", 1);
        fdtw_flag(w, "interrupt-controller");
        fdtw_string(w, "compatible", "riscv,cpu-intc");
        FDTW_CELLS(w, "phandle", PHANDLE_INTC + i);
        fdtw_end_node(w);
        fdtw_end_node(w);
    }
    fdtw_end_node(w);
}

static void write_chosen(struct fdt_writer *w, const struct vm *vm, struct range initrd)
{
    bool uart = strcmp(vm->console_device, "uart") == 0;

    fdtw_node(w, "chosen");
    fdtw_string(w, "bootargs", vm->bootargs ? vm->bootargs : "");
    fdtw_string(w, "stdout-path", uart ? "/soc/serial@10000000" : "/soc/virtio_mmio@10002000");
    if (initrd.size) {
        u64 end = initrd.base + initrd.size;
        FDTW_CELLS(w, "linux,initrd-start", HI(initrd.base), LO(initrd.base));
        FDTW_CELLS(w, "linux,initrd-end", HI(end), LO(end));
    }
    fdtw_end_node(w);
}

/* interrupts-extended: for each vCPU its intc twice, with the two interrupt numbers given. */
static void write_contexts(struct fdt_writer *w, const struct vm *vm, u32 machine, u32 supervisor)
{
    u32 cells[MAX_VCPUS * 4];

    for (u32 i = 0; i < vm->vcpu_count; i++) {
        cells[i * 4] = cells[i * 4 + 2] = PHANDLE_INTC + i;
        cells[i * 4 + 1] = machine;
        cells[i * 4 + 3] = supervisor;
    }
    fdtw_cells(w, "interrupts-extended", vm->vcpu_count * 4, cells);
}

static void write_irq(struct fdt_writer *w, u64 base, u64 size, u32 irq)
{
    FDTW_CELLS(w, "reg", HI(base), LO(base), HI(size), LO(size));
    FDTW_CELLS(w, "interrupt-parent", PHANDLE_PLIC);
    FDTW_CELLS(w, "interrupts", irq);
}

static void write_soc(struct fdt_writer *w, const struct vm *vm)
{
    fdtw_node(w, "soc");
    FDTW_CELLS(w, "#address-cells", 2);
    FDTW_CELLS(w, "#size-cells", 2);
    fdtw_string(w, "compatible", "simple-bus");
    fdtw_flag(w, "ranges");

    fdtw_node(w, "clint@2000000");
    fdtw_prop(w, "compatible", "sifive,clint0\0riscv,clint0", 27);
    FDTW_CELLS(w, "reg", 0, VCLINT_BASE, 0, VCLINT_SIZE);
    write_contexts(w, vm, 3, 7);
    fdtw_end_node(w);

    fdtw_node(w, "plic@c000000");
    fdtw_prop(w, "compatible", "sifive,plic-1.0.0\0riscv,plic0", 30);
    FDTW_CELLS(w, "#address-cells", 0);
    FDTW_CELLS(w, "#interrupt-cells", 1);
    fdtw_flag(w, "interrupt-controller");
    FDTW_CELLS(w, "reg", 0, VPLIC_BASE, 0, VPLIC_SIZE);
    FDTW_CELLS(w, "riscv,ndev", NDEV);
    FDTW_CELLS(w, "phandle", PHANDLE_PLIC);
    write_contexts(w, vm, 11, IRQ_S_EXT);
    fdtw_end_node(w);

    fdtw_node(w, "serial@10000000");
    fdtw_string(w, "compatible", "ns16550a");
    FDTW_CELLS(w, "clock-frequency", 3686400);
    write_irq(w, VUART_BASE, VUART_SIZE, VUART_IRQ);
    fdtw_end_node(w);

    for (u32 i = 0; i < VIRTIO_DEVS; i++) {
        u64 base = VIRTIO_BASE + (u64)i * VIRTIO_STRIDE;
        if (!vm->virtio[i].backend)
            continue;
        fdtw_node(w, "virtio_mmio@%lx", base);
        fdtw_string(w, "compatible", "virtio,mmio");
        write_irq(w, base, VIRTIO_STRIDE, VIRTIO_IRQ + i);
        fdtw_end_node(w);
    }
    fdtw_end_node(w);
}

u32 guest_dt_write(const struct vm *vm, struct range initrd, void *buf, u32 size)
{
    struct fdt_writer w;

    fdtw_begin(&w, buf, size);
    fdtw_node(&w, "%s", "");
    FDTW_CELLS(&w, "#address-cells", 2);
    FDTW_CELLS(&w, "#size-cells", 2);
    fdtw_string(&w, "compatible", "riscv-virtio");
    fdtw_string(&w, "model", "rvh,guest");
    write_chosen(&w, vm, initrd);
    fdtw_node(&w, "memory@80000000");
    fdtw_string(&w, "device_type", "memory");
    FDTW_CELLS(&w, "reg", 0, GUEST_RAM_BASE, HI(vm->ram_size), LO(vm->ram_size));
    fdtw_end_node(&w);
    write_cpus(&w, vm);
    write_soc(&w, vm);
    fdtw_end_node(&w);
    return fdtw_finish(&w);
}
