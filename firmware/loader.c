/* Puts a guest's kernel (ELF64 or Linux Image), initrd and device tree into its RAM. Modules are not
   trusted. */
#include "vm.h"

enum { DTB_SPACE = 64 << 10 };

struct elf_header {
    u8 ident[16];
    u16 type, machine;
    u32 version;
    u64 entry, phoff, shoff;
    u32 flags;
    u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment { u32 type, flags; u64 offset, vaddr, paddr, filesz, memsz, align; };

enum { ELFCLASS64 = 2, ELFDATA2LSB = 1, ET_EXEC = 2, EM_RISCV = 243, PT_LOAD = 1 };

/* Header of a Linux Image (Documentation/arch/riscv/boot-image-header.rst). */
struct image_header {
    u32 code[2];
    u64 text_offset, image_size, flags;
    u32 version, res1;
    u64 res2, magic;
    u32 magic2, res3;
};
enum { IMAGE_MAGIC2 = 0x05435352 };

static const char outside[] = "a segment of the kernel lies outside the VM's memory";
static const char no_memory[] = "the machine has not enough memory left";

/* Copies into guest RAM, which is all zero. */
static const char *put(struct vm *vm, u64 gpa, const void *from, u64 size)
{
    for (u64 done = 0, n; done < size; done += n) {
        n = min_u64(size - done, CHUNK - (gpa + done) % CHUNK);
        struct segment s = {gpa + done, (u32)n};
        if (!segments_put(vm, &s, 1, (const u8 *)from + done, (u32)n))
            return no_memory;
    }
    return NULL;
}

static const char *load_elf(struct vm *vm, const u8 *file, u64 size, u64 *entry, u64 *end)
{
    struct elf_header h;
    bool entry_found = false;

    memcpy(&h, file, sizeof(h));
    if (h.ident[4] != ELFCLASS64 || h.ident[5] != ELFDATA2LSB || h.machine != EM_RISCV)
        return "the kernel is not a 64-bit RISC-V ELF";
    if (h.type != ET_EXEC)
        return "the kernel is an ELF but not an executable";
    if (h.phentsize != sizeof(struct elf_segment) || !contains(0, size, h.phoff, (u64)h.phnum * h.phentsize))
        return "the kernel's program headers are malformed";
    *end = GUEST_RAM_BASE;
    for (u32 i = 0; i < h.phnum; i++) {
        struct elf_segment s;
        memcpy(&s, file + h.phoff + i * sizeof(s), sizeof(s));
        if (s.type != PT_LOAD || s.memsz == 0)
            continue;
        if (s.filesz > s.memsz || !contains(0, size, s.offset, s.filesz))
            return "a segment of the kernel is malformed";
        const char *error = vm_is_ram(vm, s.paddr, s.memsz) ? put(vm, s.paddr, file + s.offset, s.filesz) : outside;
        if (error)
            return error;
        *end = max_u64(*end, s.paddr + s.memsz);
        /* The entry may be given as a virtual address of a segment that is linked elsewhere. */
        if (contains(s.vaddr, s.memsz, h.entry, 2)) {
            *entry = h.entry - s.vaddr + s.paddr;
            entry_found = true;
        }
    }
    return entry_found && !(*entry & 1) ? NULL : "the kernel's entry point lies outside its segments";
}

static const char *load_image(struct vm *vm, const u8 *file, u64 size, u64 *entry, u64 *end)
{
    struct image_header h;

    memcpy(&h, file, sizeof(h));
    u64 length = max_u64(h.image_size, size);
    if (h.text_offset % PAGE_SIZE || h.text_offset >= vm->ram_size || length > vm->ram_size - h.text_offset)
        return "the Linux Image does not fit into the VM's memory";
    *entry = GUEST_RAM_BASE + h.text_offset;
    *end = *entry + length;
    return put(vm, *entry, file, size);
}

static const struct {
    u32 offset, magic, header;
    const char *(*load)(struct vm *vm, const u8 *file, u64 size, u64 *entry, u64 *end);
} formats[] = {
    {0, 0x464c457f, sizeof(struct elf_header), load_elf},
    {offsetof(struct image_header, magic2), IMAGE_MAGIC2, sizeof(struct image_header), load_image},
};

static const char *load_kernel(struct vm *vm, u64 *entry, u64 *end)
{
    const u8 *file = (const u8 *)vm->kernel.base;

    for (u32 i = 0; i < ARRAY_LEN(formats); i++) {
        u32 magic;
        if (vm->kernel.size < formats[i].header)
            continue;
        memcpy(&magic, file + formats[i].offset, sizeof(magic));
        if (magic == formats[i].magic)
            return formats[i].load(vm, file, vm->kernel.size, entry, end);
    }
    return "the kernel is neither an ELF nor a Linux Image";
}

/* Made outside the guest's RAM, where it may have to lie in two pieces. */
static const char *put_tree(struct vm *vm, struct range initrd, u64 gpa)
{
    u64 space = ram_take(DTB_SPACE, PAGE_SIZE);

    if (!space)
        return no_memory;
    u32 size = guest_dt_write(vm, initrd, (void *)space, DTB_SPACE);
    const char *error = size ? put(vm, gpa, (const void *)space, size) : "its device tree does not fit";
    ram_give(space, DTB_SPACE);
    return error;
}

/* From the top of RAM downward: device tree, then initrd, both above the kernel. */
const char *vm_load(struct vm *vm, u64 *entry, u64 *dtb)
{
    u64 kernel_end;
    const char *error = load_kernel(vm, entry, &kernel_end);

    if (error)
        return error;
    u64 top = GUEST_RAM_BASE + vm->ram_size;
    *dtb = ALIGN_DOWN(top - DTB_SPACE, PAGE_SIZE);
    if (*dtb < kernel_end || vm->initrd.size > *dtb - kernel_end)
        return "the VM's memory is too small for its kernel, initrd and device tree";
    struct range initrd = {ALIGN_DOWN(*dtb - vm->initrd.size, PAGE_SIZE), vm->initrd.size};
    if (initrd.base < kernel_end)
        return "the VM's memory is too small for its kernel, initrd and device tree";
    error = put(vm, initrd.base, (const void *)vm->initrd.base, initrd.size);
    return error ? error : put_tree(vm, initrd, *dtb);
}
