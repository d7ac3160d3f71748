/* Between virtq.c and the two kinds of rings. Every index, address and length in them is the guest's word: each
   is read once into a local copy and checked before it is used. */
#ifndef VIRTQ_H
#define VIRTQ_H
#include "vm.h"

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_SIZE = 16 };
enum virtq_result { VIRTQ_BROKEN, VIRTQ_NONE, VIRTQ_TAKEN };

struct virtq_ring {
    enum virtq_result (*pop)(struct virtio_dev *d, struct virtq *q, struct chain *c);
    void (*unpop)(struct virtq *q, struct virtq_head head);
    /* False if the ring does not lie in RAM. *wanted: the driver wants an interrupt for these. */
    bool (*push)(struct virtio_dev *d, struct virtq *q, const struct virtq_done *done, u32 count, bool *wanted);
};
extern const struct virtq_ring virtq_split, virtq_packed;

/* A naturally aligned part of a ring, or NULL. Aligned parts do not cross pages; whole rings may be in pieces. */
static inline void *virtq_at(struct virtio_dev *d, u64 gpa, u64 size)
{
    return gpa % size ? NULL : vm_ram(d->vm, gpa, size);
}

/* Copies a descriptor, which has any alignment if it is in an indirect table. */
bool virtq_read(struct virtio_dev *d, u64 gpa, void *desc);
/* Appends what a descriptor says to the chain; false if it breaks a rule. */
bool virtq_append(struct virtio_dev *d, struct chain *c, u64 gpa, u32 length, bool writable);
/* Entries of the indirect table that a descriptor leads to; 0 if it breaks a rule (2.7.5.3, 2.8.7). */
u32 virtq_table_entries(struct virtio_dev *d, u64 gpa, u32 length, u16 flags);
/* True if `event` is one of the positions old .. next - 1, all counted mod 2^16 (2.7.7.2). */
static inline bool virtq_passed(u16 event, u16 next, u16 old) { return (u16)(next - event - 1) < (u16)(next - old); }
#endif
