/* Finds RAM, harts, UART, PLIC, virtio-mmio slots and VMs in the device tree, by a table of bindings. */
#include "platform.h"
#include "hart.h"
#include "vm.h"

struct platform platform = {.timebase = 10000000};

static void found_cpu(const struct fdt_node *n)
{
    u64 id, size;

    if (!fdt_has_string(n, "device_type", "cpu") || !fdt_reg(n, 0, &id, &size) ||
        fdt_has_string(n, "status", "disabled") || hart_count == MAX_HARTS)
        return;
    harts[hart_count++].id = id;
    if (hart_count > 1)
        return;
    platform.mmu_type = fdt_string(n, "mmu-type");
    platform.isa = fdt_string(n, "riscv,isa");
    platform.isa_list = fdt_prop(n, "riscv,isa-extensions", &platform.isa_list_len);
    platform.cbom_size = fdt_u32(n, "riscv,cbom-block-size", 0);
    platform.cboz_size = fdt_u32(n, "riscv,cboz-block-size", 0);
}

/* The interrupt controller is a child of its cpu node, so it belongs to the hart found last. */
static void found_intc(const struct fdt_node *n)
{
    if (hart_count)
        harts[hart_count - 1].intc_phandle = fdt_u32(n, "phandle", 0);
}

static void found_plic(const struct fdt_node *n)
{
    if (fdt_reg(n, 0, &platform.plic.base, &platform.plic.size))
        platform.plic.contexts = fdt_prop(n, "interrupts-extended", &platform.plic.contexts_len);
}

static void found_uart(const struct fdt_node *n)
{
    u64 size;

    if (platform.uart.base || !fdt_reg(n, 0, &platform.uart.base, &size))
        return;
    platform.uart.irq = fdt_u32(n, "interrupts", 0);
    platform.uart.shift = fdt_u32(n, "reg-shift", 0);
}

/* Slots are kept in order of address: "the k-th disk" must not depend on the order of the nodes. */
static void found_virtio(const struct fdt_node *n)
{
    u64 base, size;
    u32 i = platform.virtio_count;

    if (i == MAX_VIRTIO_SLOTS || !fdt_reg(n, 0, &base, &size))
        return;
    for (; i && platform.virtio[i - 1].base > base; i--)
        platform.virtio[i] = platform.virtio[i - 1];
    platform.virtio[i].base = base;
    platform.virtio[i].irq = fdt_u32(n, "interrupts", 0);
    platform.virtio_count++;
}

static const struct { const char *compatible; void (*found)(const struct fdt_node *); } bindings[] = {
    {"riscv", found_cpu},
    {"riscv,cpu-intc", found_intc},
    {"riscv,plic0", found_plic},
    {"ns16550a", found_uart},
    {"virtio,mmio", found_virtio},
    {"rvh,vm", vm_found},
};

static void visit(const struct fdt_node *n, void *ctx)
{
    u64 base, size;

    (void)ctx;
    if (fdt_has_string(n, "device_type", "memory"))
        for (u32 i = 0; fdt_reg(n, i, &base, &size) && platform.ram_count < ARRAY_LEN(platform.ram); i++)
            platform.ram[platform.ram_count++] = (struct range){base, size};
    if (strcmp(n->name, "cpus") == 0)
        platform.timebase = fdt_u64(n, "timebase-frequency", platform.timebase);
    if (strcmp(n->name, "chosen") == 0) {
        u32 len;
        platform.overcommit = fdt_prop(n, "rvh,overcommit", &len) != NULL;
        platform.color = fdt_prop(n, "rvh,color", &len) != NULL;
        platform.has_control = fdt_prop(n, "rvh,control", &len) != NULL;
        platform.control_slot = fdt_u32(n, "rvh,control", 0);
    }
    for (u32 i = 0; i < ARRAY_LEN(bindings); i++)
        if (fdt_has_string(n, "compatible", bindings[i].compatible))
            bindings[i].found(n);
}

/* Memory of the SBI firmware below us: /reserved-memory children, and all RAM under our own image. */
static void visit_reserved(const struct fdt_node *n, void *ctx)
{
    u64 base, size;

    (void)ctx;
    if (strcmp(n->parent, "reserved-memory") == 0)
        for (u32 i = 0; fdt_reg(n, i, &base, &size); i++)
            ram_reserve(base, size);
}

bool platform_init(const void *dtb)
{
    extern char __image_start[], __image_end[];
    struct fdt fdt;
    u64 base, size;

    platform.dtb = dtb;
    if (!fdt_open(&fdt, dtb) || !fdt_walk(&fdt, visit, NULL))
        return false;
    for (u32 i = 0; i < platform.ram_count; i++)
        ram_add(platform.ram[i].base, platform.ram[i].size);
    for (u32 i = 0; i < platform.ram_count; i++) {
        u64 start = platform.ram[i].base;
        if (contains(start, platform.ram[i].size, (u64)__image_start, (u64)(__image_end - __image_start)))
            ram_reserve(start, (u64)__image_end - start);
    }
    ram_reserve((u64)dtb, fdt_total_size(dtb));
    fdt_walk(&fdt, visit_reserved, NULL);
    for (u32 i = 0; fdt_reservation(dtb, i, &base, &size); i++)
        ram_reserve(base, size);
    vm_reserve_modules();
    platform.ram_unused = ram_ready();
    return platform.ram_count && hart_count;
}

/* In riscv,isa single letters follow "rv64" and longer names follow underscores. */
static bool isa_string_has(const char *isa, const char *name)
{
    size_t n = strlen(name);
    const char *p = isa + 4;

    for (; *p && *p != '_'; p++)
        if (n == 1 && *p == *name)
            return true;
    while (*p == '_') {
        const char *word = ++p;
        while (*p && *p != '_')
            p++;
        if ((size_t)(p - word) == n && strncmp(word, name, n) == 0)
            return true;
    }
    return false;
}

bool platform_has_extension(const char *name)
{
    const char *p = platform.isa_list;

    if (!p)
        return platform.isa && strncmp(platform.isa, "rv64", 4) == 0 && isa_string_has(platform.isa, name);
    for (const char *end = p + platform.isa_list_len; p < end; p += strlen(p) + 1)
        if (strcmp(p, name) == 0)
            return true;
    return false;
}
