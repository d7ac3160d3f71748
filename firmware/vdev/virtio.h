/* virtio devices (virtio 1.2): the MMIO transport, the rings of their queues, and what is behind them. */
#ifndef VDEV_VIRTIO_H
#define VDEV_VIRTIO_H
#include "lib/lib.h"

struct vm;

enum { VIRTQ_MAX = 64, VIRTIO_QUEUES = 2 };
/* Features that every device here offers: they belong to the rings and the transport. */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)
#define VIRTIO_F_RING_PACKED (1ull << 34)
#define VIRTIO_F_COMMON                                                                                        \
    (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | VIRTIO_F_RING_PACKED)

struct virtq {
    u32 size, ready;
    u64 desc, driver, device;            /* the areas (2.6): guest addresses, checked at every use */
    u16 next_avail, next_used;           /* split: running indices; packed: places in the ring */
    bool avail_wrap, used_wrap;          /* packed: the wrap counters (2.8.1) */
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
    u32 budget;                              /* requests that it may still take in this turn */
    u32 later;                               /* bit per queue that has not come to its end in its turn */
    u64 lacks_since;                         /* net: time from which on the first frame has lacked buffers, or 0 */
    u32 config_generation;                   /* counts changes of its configuration (2.5) */
    u32 generation;                          /* counts resets: completions from before one are dropped */
};

/* What a device is behind its transport. All are called with vm->lock held. */
struct virtio_backend {
    u32 device_id, queues;
    u64 (*features)(const struct virtio_dev *d);        /* beyond VIRTIO_F_COMMON */
    void (*notify)(struct virtio_dev *d, u32 queue);
    u8 (*config)(const struct virtio_dev *d, u32 offset);
    void (*reset)(struct virtio_dev *d);
    u64 required;                                       /* features that a driver has to accept */
    void (*set_config)(struct virtio_dev *d, u32 offset, u8 value);     /* NULL: it is read-only */
};
extern const struct virtio_backend virtio_blk, virtio_console, virtio_net, virtio_rng, virtio_balloon;

bool virtio_driver_ok(const struct virtio_dev *d);
/* True if the driver has accepted the feature. */
bool virtio_has(const struct virtio_dev *d, u64 feature);
void virtio_reset(struct virtio_dev *d);
/* The driver broke the rules: no more requests until it resets the device (2.1.2). */
void virtio_broken(struct virtio_dev *d);
/* The device has used a buffer, and the driver wants to hear of it. */
void virtio_interrupt(struct virtio_dev *d);

/* What the driver reads in the configuration has changed. */
void virtio_config_changed(struct virtio_dev *d);

/* --- Segments: data of a request in guest RAM, as one run of bytes. They are known to lie in the VM's RAM; what
   holds them may be in pieces, or be missing if the machine has run out of memory. */
struct segment { u64 gpa; u32 length; };

u64 segments_length(const struct segment *s, u32 count);
/* Host address of the segment's front, of which *n bytes are in one piece; NULL: there is no memory for it. */
u8 *segment_front(struct vm *vm, const struct segment *s, u32 *n);
void segment_drop(struct segment *s, u32 n);             /* shortens it by its first n bytes */
void segments_drop(struct segment *s, u32 count, u64 n);
/* Take and put move n bytes from the front of the segments or to it, and shorten them by these. False: there are
   fewer, and these are gone, or there is no memory. */
bool segments_take(struct vm *vm, struct segment *s, u32 count, void *to, u32 n);
bool segments_put(struct vm *vm, struct segment *s, u32 count, const void *from, u32 n);

/* --- Queues. A request is readable segments, then writable ones; its head is what the ring needs to hand it back:
   the driver's name for it, and how many entries it took. */
struct virtq_head { u16 id, entries; };
struct chain { struct virtq_head head; u32 readable, writable; struct segment segment[VIRTQ_MAX]; };
struct virtq_done { struct virtq_head head; u32 written; };

/* A device's turn: the driver has notified it of a queue. It takes at most TURN requests, as the driver may go on
   feeding the ring from another vCPU; virtio_continue takes the rest, at one of the VM's next exits. */
enum { TURN = 2 * VIRTQ_MAX };
void virtio_turn(struct virtio_dev *d, u32 queue);
/* The turn is over before the end of the queue. */
void virtio_later(struct virtio_dev *d, u32 queue);
void virtio_continue(struct vm *vm);
bool virtio_unfinished(const struct vm *vm);   /* there is something for it to do */

/* Takes the next request; false: none, or the ring is broken and the device now needs a reset. */
bool virtq_pop(struct virtio_dev *d, u32 queue, struct chain *c);
/* Puts a popped request back; of several the last one first. */
void virtq_unpop(struct virtio_dev *d, u32 queue, struct virtq_head head);
/* Hands a request back with `written` bytes in its writable segments; interrupts if the driver wants it. */
void virtq_push(struct virtio_dev *d, u32 queue, struct virtq_head head, u32 written);
/* The same with several: the driver sees all of them or none. */
void virtq_push_all(struct virtio_dev *d, u32 queue, const struct virtq_done *done, u32 count);

const char *virtio_blk_attach(struct vm *vm);  /* NULL, or why the VM cannot have its disk */
const char *virtio_net_attach(struct vm *vm);  /* NULL, or why it cannot have its card */
void virtio_console_attach(struct vm *vm);
void virtio_rng_attach(struct vm *vm);         /* where the machine has an entropy source */
const char *virtio_balloon_attach(struct vm *vm);  /* NULL, or why it cannot have its balloon */

/* Of a VM that has one. The driver decides what it follows, and when. */
struct balloon {
    u64 target, held;                        /* bytes: what the host asks for, what the driver has given up */
    u32 actual;                              /* pages, by the driver's own account */
    u64 *pages;                              /* bit per page of the VM's RAM: it is in the balloon */
    u32 done[VIRTIO_QUEUES];                 /* entries of the first request that an earlier turn has done */
};
/* NULL, or why not: the bytes that the VM is to give up. */
const char *balloon_set_target(struct vm *vm, u64 bytes);
bool balloon_has(const struct vm *vm, u64 gpa);
bool balloon_has_of_chunk(const struct vm *vm, u64 gpa);       /* any page of the chunk around gpa */
void balloon_go_on(struct vm *vm);             /* the disk, which it has waited for, is idle. Needs vm->lock */

/* Moves keyboard input to the driver; false: no driver takes it. */
bool virtio_console_input(struct vm *vm);
#endif
