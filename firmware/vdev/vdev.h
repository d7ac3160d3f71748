/* Emulated devices: their state inside struct vm, and the table that maps guest addresses to them. */
#ifndef VDEV_H
#define VDEV_H
#include "lib/lib.h"
#include "platform.h"

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
enum { VIRTIO_SLOT_BLK = 0, VIRTIO_SLOT_CONSOLE = 1, VIRTIO_SLOT_NET = 2, VIRTIO_DEVS = 3 };

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

/* --- virtio-mmio, version 2 (virtio 1.2, 4.2) */
enum { VIRTQ_MAX = 64, VIRTIO_QUEUES = 2 };
/* Features that every device here offers: they belong to the rings and the transport. */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTIO_F_COMMON (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1)

struct virtq {
    u32 size, ready;
    u64 desc, avail, used;                   /* guest addresses; checked at every use */
    u16 next_avail, next_used;
};

struct virtio_dev {
    const struct virtio_backend *backend;    /* NULL: the slot is empty */
    struct vm *vm;
    u32 irq;
    u32 features_sel, driver_features_sel, queue_sel, status, isr;
    u64 driver_features;
    struct virtq queue[VIRTIO_QUEUES];
    struct disk *disk;                       /* blk */
    struct port *port;                       /* net */
    bool backlog;                            /* net: requests are left for virtio_net_continue */
    u32 generation;                          /* counts resets: completions from before one are dropped */
};

/* What a device is behind its transport. All are called with vm->lock held. */
struct virtio_backend {
    u32 device_id, queues;
    u64 (*features)(const struct virtio_dev *d);        /* beyond VIRTIO_F_COMMON */
    void (*notify)(struct virtio_dev *d, u32 queue);
    u8 (*config)(const struct virtio_dev *d, u32 offset);
    void (*reset)(struct virtio_dev *d);
};
extern const struct vdev_ops virtio_ops;
extern const struct virtio_backend virtio_blk, virtio_console, virtio_net;

/* A request as the driver laid it out: readable segments, then writable ones, all checked to be guest RAM. */
struct segment { u8 *data; u32 length; };
struct chain { u16 head; u32 readable, writable; struct segment segment[VIRTQ_MAX]; };

bool virtio_driver_ok(const struct virtio_dev *d);
/* True if the driver has accepted the feature. */
bool virtio_has(const struct virtio_dev *d, u64 feature);
/* Takes the next request; false: none, or the ring is broken and the device now needs a reset. */
bool virtq_pop(struct virtio_dev *d, u32 queue, struct chain *c);
void virtio_reset(struct virtio_dev *d);
/* Puts the request popped last back. */
void virtq_unpop(struct virtio_dev *d, u32 queue);
/* Hands a request back with `written` bytes in its writable segments; interrupts if the driver wants it. */
void virtq_push(struct virtio_dev *d, u32 queue, u16 head, u32 written);
/* Data at the front of segments, as one run of bytes. Take and put move n bytes out or in and shorten the
   segments by them; false: there are fewer, and these are gone. */
u64 segments_length(const struct segment *s, u32 count);
bool segments_take(struct segment *s, u32 count, void *to, u32 n);
bool segments_put(struct segment *s, u32 count, const void *from, u32 n);
/* The driver broke the rules: no more requests until it resets the device (virtio 1.2, 2.1.2). */
void virtio_broken(struct virtio_dev *d);

const char *virtio_blk_attach(struct vm *vm);  /* NULL, or why the VM cannot have its disk */
const char *virtio_net_attach(struct vm *vm);  /* NULL, or why it cannot have its card */
/* Sends what the card has left for later. Takes vm->lock. */
void virtio_net_continue(struct vm *vm);
void virtio_console_attach(struct vm *vm);
/* Moves keyboard input to the driver; false: no driver takes it. */
bool virtio_console_input(struct vm *vm);
#endif
