/* A virtual machine: memory, vCPUs, devices, console. */
#ifndef VM_H
#define VM_H
#include "console.h"
#include "drivers/drivers.h"
#include "platform.h"
#include "share.h"
#include "vcpu.h"
#include "vdev/vdev.h"

#define GUEST_RAM_BASE 0x80000000ull
enum { CHUNK = 2 << 20, INPUT_SIZE = 4096 };

enum vm_state { VM_RUNNING, VM_PAUSED, VM_RESTARTING, VM_LOADING, VM_OFF, VM_FAILED };

struct vm {
    u32 index;
    char label[16];
    const char *bootargs, *console_device;
    struct range kernel, initrd;          /* modules in the machine's RAM */
    i64 disk;                             /* index of the machine's disk, -1: none */
    u32 partition;                        /* of it, from 1; 0: all of it */
    struct extent extent;                 /* the sectors of the disk that are the VM's */
    bool disk_starved;                    /* a request waits for room in the disk's queue, which others share */
    const char *serial;                   /* of the disk; NULL: made of the label */
    bool has_net;
    bool trace_sbi;                       /* a line for each SBI call */
    u32 vcpu_count;
    struct vcpu vcpu[MAX_VCPUS];
    enum vm_state state;
    struct vm_share share;
    bool autostart, created;              /* boots with the machine; memory and devices are set up */
    bool given_up;                        /* it was said that it waits for ever */
    bool refused;                         /* it was said that one of its accesses to devices is not emulated */
    u64 held_at;                          /* while paused: when its last vCPU left its hart */

    u64 ram_size;
    u64 *chunk;                           /* host address of each 2 MiB of guest RAM, 0: not touched, else: gstage.h */
    bool gib_pages;                       /* its RAM is to come in pages of 1 GiB, as far as that is possible */
    u64 *gib_table;                       /* per GiB: the entry whose place such a page has taken, or 0 */
    struct memory_stats memory;
    u64 gstage_epoch;                     /* counts what is no longer mapped as it was: gstage_sync */
    struct spinlock ram_lock;             /* of the tables and the four above */
    struct spinlock turnover;             /* of who takes the VM down or up when its vCPUs have stopped */
    u64 *gstage_root;
    u64 vmid, time_delta;

    struct spinlock lock;                 /* devices and input */
    struct vplic plic;
    struct vuart uart;
    struct vclint clint;
    struct virtio_dev virtio[VIRTIO_DEVS];
    bool virtio_later;                    /* one of them has `later` */
    u64 blk_busy;                         /* bit per entry of blk_pending: it is in flight */
    u64 blk_waiting;                      /* of these: has a part to come, for which the disk's queue has no room */
    struct pending { struct virtq_head head; u32 written, type; u64 status, bytes; } blk_pending[VIRTQ_MAX];
    struct blk_range blk_range[VIRTQ_MAX];
    struct blk_left { u32 type, count; u64 sector; struct segment segment[VIRTQ_MAX]; } *blk_left;    /* of transfers: to come */
    struct disk_stats disk_stats;
    bool disk_held;                       /* no new requests, until those in flight are done: the balloon waits for it */
    bool has_balloon;
    struct balloon balloon;
    char input[INPUT_SIZE];
    u32 input_head, input_tail;

    struct console_port console;
};

extern struct vm vms[MAX_VMS];
extern u32 vm_count;

/* A device-tree node that describes a VM. */
void vm_found(const struct fdt_node *node);
void vm_reserve_modules(void);
/* Memory, devices, kernel and device tree of every VM; starts vCPU 0 of each one that could be set up. */
void vms_create(void);
/* Ends a VM; the last one ends the machine. The format is the reason that the log gives. */
void vm_stop(struct vm *vm, enum vm_state state, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Reboots a VM: its vCPUs leave their harts, and the last one to do so loads it anew. */
void vm_restart(struct vm *vm);
void vm_parked(struct vm *vm);            /* a vCPU of a VM that does not run has left its hart */
/* What the monitor asks for; NULL, or why not. A paused VM keeps everything, and its clock stands still. */
const char *vm_pause(struct vm *vm);
const char *vm_resume(struct vm *vm);
const char *vm_reset(struct vm *vm);
const char *vm_kill(struct vm *vm);
const char *vm_start(struct vm *vm);
/* True unless it runs: vCPUs must leave their harts. */
bool vm_stopped(const struct vm *vm);
bool vm_paused(const struct vm *vm);
bool vm_ended(const struct vm *vm);       /* off or failed: it runs again only if it is started */
const char *vm_state_name(const struct vm *vm);

bool vm_is_ram(const struct vm *vm, u64 gpa, u64 len);
/* Host address of [gpa, gpa+len) if all of it is guest RAM and one run of host memory, as any part of an aligned
   page is; else NULL. Only a piece within a page can be NULL for want of memory alone; then the VM has been stopped.
   Needs vm->lock, or a VM that does not run. */
void *vm_ram(struct vm *vm, u64 gpa, u64 len);
/* The same of its front, *run bytes long. */
void *vm_ram_front(struct vm *vm, u64 gpa, u64 len, u64 *run);
void vm_memory_stats(const struct vm *vm, struct memory_stats *s);

/* Keyboard input: put by the console, taken by whichever console device the guest uses. */
void vm_input(struct vm *vm, char c);
bool vm_input_ready(const struct vm *vm);
int vm_input_take(struct vm *vm);         /* -1: none. Needs vm->lock */

/* gstage.c, guest_ram.c */
bool gstage_init(struct vm *vm);
/* Lets the guest read, or write, the chunk of RAM around gpa; false if gpa is not RAM. If the machine has no memory
   left, the VM is stopped. */
bool gstage_populate(struct vm *vm, u64 gpa, bool write);
/* Returns when no hart translates by what the VM's tables said before. */
void gstage_fence(struct vm *vm);
bool gstage_is_zeroes(u64 host);
/* Gives the memory of the chunk around gpa back; what is touched there again is zero. Needs vm->lock; no device reads
   or writes it. */
void gstage_withdraw(struct vm *vm, u64 gpa);
/* Takes a page out of the VM's memory. Its host address, which is to be given back after a gstage_fence; 0: it has no
   memory, or none that can be had alone. Needs vm->lock; no device reads or writes it. */
u64 gstage_unmap(struct vm *vm, u64 gpa);
/* Zeroes a page, if it has memory of its own. Needs vm->lock. */
void gstage_clear_page(struct vm *vm, u64 gpa);
/* Gives all of its RAM back. None of its vCPUs is on a hart, no device reads or writes it. */
void gstage_release(struct vm *vm);
/* Makes this hart forget what the VM's tables no longer say. */
void gstage_sync(struct vm *vm);
u64 gstage_hgatp(const struct vm *vm);

/* loader.c: NULL, or what is wrong with the kernel or initrd. */
const char *vm_load(struct vm *vm, u64 *entry, u64 *dtb);
/* guest_dt.c: size of the tree written, 0 if it did not fit. */
u32 guest_dt_write(const struct vm *vm, struct range initrd, void *buf, u32 size);

/* mmio/access.c: carries out the access outside RAM that the vCPU has come out with, or gives it its fault. */
void mmio_access(struct vcpu *v, u64 gpa);
/* The instruction at its pc as the guest that has just come out would fetch it; 0 if that faults: then the guest is to
   run on and meet the fault itself. */
u32 guest_instruction(struct vcpu *v);
#endif
