/* hello: the smallest kernel. Reads its device tree, says what machine it sees, and powers off. */
#include "guest.h"

/* SBI implementation ids (SBI specification, BASE extension). */
static const char *implementation_name(u64 id)
{
    switch (id) {
    case 0: return "BBL";
    case 1: return "OpenSBI";
    case 3: return "KVM";
    case 4: return "RustSBI";
    case 0x525648: return "the rvh M-mode SBI";
    case 0x727668: return "the rvh hypervisor";
    default: return NULL;
    }
}

static void print_sbi(void)
{
    u64 version = sbi_call(SBI_BASE, 0, 0, 0, 0, 0, 0).value;
    u64 id = sbi_call(SBI_BASE, 1, 0, 0, 0, 0, 0).value;
    const char *name = implementation_name(id);
    printf("sbi      %lu.%lu", version >> 24 & 0x7f, version & 0xffffff);
    if (name)
        printf(" from %s\n", name);
    else
        printf(" from implementation 0x%lx\n", id);
}

bool guest_main(u64 hart, const void *dtb)
{
    u64 harts[64], base = 0, size = 0;
    int cpus = fdt_harts(dtb, harts, 64);
    int cpu = fdt_device_type(dtb, -1, "cpu");
    int chosen = fdt_path(dtb, "/chosen");
    const char *isa = fdt_string(dtb, cpu, "riscv,isa");
    const char *bootargs = fdt_string(dtb, chosen, "bootargs");

    printf("hello from S-mode on hart %lu of %d\n", hart, cpus);
    print_sbi();
    for (int node = -1; (node = fdt_device_type(dtb, node, "memory")) >= 0;)
        if (fdt_reg(dtb, node, &base, &size))
            printf("memory   %lu MiB at 0x%lx\n", size >> 20, base);
    printf("isa      %s\n", isa ? isa : "(not given)");
    printf("bootargs %s\n", bootargs && *bootargs ? bootargs : "(none)");
    printf("goodbye\n");
    return size != 0 && cpus != 0;
}
