/* Emulated devices: their state inside struct vm, and the table that maps guest addresses to them. */
#ifndef VDEV_H
#define VDEV_H
#include "lib/lib.h"
#include "platform.h"
#include "vdev/virtio.h"

struct vm;

/* One access at `offset` of device `index`, naturally aligned, of a size that the map in vdev.c allows it. Called
   with vm->lock held. False: the device has nothing there, which the guest sees as an access fault. */
struct vdev_ops {
    const char *name;
    bool (*read)(struct vm *vm, u32 index, u64 offset, u32 size, u64 *value);
    bool (*write)(struct vm *vm, u32 index, u64 offset, u32 size, u64 value);
};

/* The guest's address map, the same as QEMU's virt machine. */
enum {
    VCLINT_BASE = 0x02000000, VCLINT_SIZE = 0x10000,
    VPLIC_BASE = 0x0c000000, VPLIC_SIZE = 0x600000,
    VUART_BASE = 0x10000000, VUART_SIZE = 0x100, VUART_IRQ = 10,
    VIRTIO_BASE = 0x10001000, VIRTIO_STRIDE = 0x1000, VIRTIO_SIZE = 0x200, VIRTIO_IRQ = 1,
};
enum {
    VIRTIO_SLOT_BLK = 0, VIRTIO_SLOT_CONSOLE = 1, VIRTIO_SLOT_NET = 2, VIRTIO_SLOT_RNG = 3, VIRTIO_SLOT_BALLOON = 4,
    VIRTIO_DEVS = 5,
};

/* An access of 1, 2, 4 or 8 bytes, naturally aligned. False: no device takes it. */
bool vdev_access(struct vm *vm, u64 gpa, u32 size, bool write, u64 *value);
/* Reads, and writes what `next` has made of the value if it returns true; no other access comes between. */
bool vdev_modify(struct vm *vm, u64 gpa, u32 size, bool (*next)(void *arg, u64 *value), void *arg);
const char *vdev_init(struct vm *vm);         /* NULL, or what is wrong */
void vdev_reset(struct vm *vm);                /* as at power-on */
/* Input has come for the VM: tells the device that takes it. Needs vm->lock. */
void vdev_input(struct vm *vm);

/* --- PLIC: sources 1..95, contexts 2h (M, unused by guests) and 2h+1 (S) for vCPU h. */
enum { VPLIC_SOURCES = 96, VPLIC_WORDS = VPLIC_SOURCES / 32, VPLIC_CONTEXTS = 2 * MAX_VCPUS };

struct vplic {
    u32 priority[VPLIC_SOURCES];
    u32 level[VPLIC_WORDS];                  /* lines that devices hold up */
    u32 pending[VPLIC_WORDS];                /* requests that wait for a claim */
    u32 claimed[VPLIC_WORDS];                /* between claim and complete: the gateway is shut */
    u32 enable[VPLIC_CONTEXTS][VPLIC_WORDS];
    u32 threshold[VPLIC_CONTEXTS];
};
extern const struct vdev_ops vplic_ops;
/* Sets the line of a source. Needs vm->lock. */
void vplic_set(struct vm *vm, u32 source, bool level);

void vplic_reset(struct vm *vm);

/* --- CLINT */
struct vclint { u32 msip[MAX_VCPUS]; u64 mtimecmp[MAX_VCPUS]; };
extern const struct vdev_ops vclint_ops;

/* --- 16550 UART */
struct vuart { u8 ier, lcr, mcr, scr, dll, dlm, fcr; bool thre_pending; };
extern const struct vdev_ops vuart_ops;
/* Input has come or gone: sets the interrupt line. Needs vm->lock. */
void vuart_update(struct vm *vm);

extern const struct vdev_ops virtio_ops;
#endif
