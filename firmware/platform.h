/* What the machine's device tree says: RAM, harts, devices, and the VMs to run. */
#ifndef PLATFORM_H
#define PLATFORM_H
#include "lib/fdt.h"
#include "riscv.h"

enum { MAX_HARTS = HART_MAX, MAX_VMS = 16, MAX_VCPUS = 8, MAX_VIRTIO_SLOTS = 32 };

struct range { u64 base, size; };

struct platform {
    const void *dtb;
    u64 timebase;
    struct range ram[8];
    u32 ram_count;
    u64 ram_unused;                      /* bytes: too many reservations cut it into too many runs */
    struct { u64 base; u32 irq, shift; } uart;             /* base 0: none found */
    struct { u64 base, size; const u32 *contexts; u32 contexts_len; } plic;
    struct { u64 base; u32 irq; } virtio[MAX_VIRTIO_SLOTS];
    u32 virtio_count;
    const char *mmu_type;                /* of the boot hart, or NULL */
    const char *isa;                     /* riscv,isa of the boot hart, or NULL */
    const char *isa_list;                /* riscv,isa-extensions, a list of isa_list_len bytes, or NULL */
    u32 isa_list_len;
    u32 cbom_size, cboz_size;            /* bytes, 0 if not stated */
    bool has_control;                    /* /chosen reserves a virtio-console for the control channel */
    u32 control_slot;                    /* index into virtio[] */
    bool overcommit;                     /* /chosen lets VMs add up to more memory than there is */
    bool color;                          /* /chosen asks for coloured labels */
};

extern struct platform platform;

/* Reads the tree at dtb and takes free memory into account; false if it is no device tree. */
bool platform_init(const void *dtb);

/* True if the boot hart's ISA has the extension `name`, lower case as in the device tree. */
bool platform_has_extension(const char *name);

/* Physical memory: gives out what the tree calls RAM and nobody has reserved. While the tree is read: */
void ram_add(u64 base, u64 size);
void ram_reserve(u64 base, u64 size);
u64 ram_ready(void);                     /* no more of these two; bytes that they could not keep account of */
/* From then on, in whole pages: */
u64 ram_take(u64 size, u64 align);       /* 0 if there is no such run; contents are undefined */
void *ram_take_zeroed(u64 size, u64 align);
void ram_give(u64 base, u64 size);       /* takes back all or part of what was taken */
u64 ram_free_bytes(void);                /* without those of frames.c */
u64 ram_free_blocks(u64 size);           /* how many of that size, aligned to it, could be taken */
/* frames.c: single pages, where memory is overcommitted. */
void frames_init(void);
u64 frame_take(void);                    /* 0: there is none; contents are undefined */
void frame_give(u64 page);
u64 frames_free_bytes(void);
#endif
