/* Drivers of the machine's own devices and of the SBI firmware under the hypervisor. */
#ifndef DRIVERS_H
#define DRIVERS_H
#include "lib/lib.h"

/* drivers/sbi.c */
enum { SBI_ERR_ALREADY_AVAILABLE = -6 };
i64 sbi_hart_start(u64 hart, u64 address, u64 opaque);       /* an SBI error code, 0 is success */
void sbi_send_ipi(u64 hart);
void sbi_set_timer(u64 deadline);
void sbi_putc(char c);
int sbi_getc(void);
void sbi_shutdown(bool failed) __attribute__((noreturn));

/* drivers/uart.c: the 16550, or the SBI console where there is none */
void uart_init(void);
void uart_putc(char c);
int uart_getc(void);                                         /* -1: nothing there */

/* drivers/plic.c: interrupts go to the boot hart's S context */
void plic_init(void);
void plic_attach(u32 irq, void (*handler)(void *), void *ctx);
void plic_handle(void);

/* drivers/virtio_net.c: joins the machine's first network card, if there is one, to the switch */
void uplink_init(void);

/* drivers/virtio_console.c: a stream to the host on the console in the n-th virtio slot. One writer at a time. */
bool stream_init(u32 slot, void (*received)(const u8 *data, u32 length));
void stream_write(const void *data, u32 length);
void stream_flush(void);

/* drivers/virtio_rng.c */
void rng_init(void);
bool rng_present(void);
/* Up to n bytes of entropy; fewer if the source does not answer in time. Returns how many. */
u32 rng_take(void *to, u32 n);

/* drivers/virtio_blk.c */
enum blk_status { BLK_OK = 0, BLK_IOERR = 1, BLK_UNSUPP = 2 };
enum blk_op {
    BLK_READ = 0, BLK_WRITE = 1, BLK_FLUSH = 4, BLK_GET_ID = 8, BLK_DISCARD = 11, BLK_WRITE_ZEROES = 13,
};
enum { BLK_SECTOR = 512 };

struct blk_segment { u64 address; u32 length; };
/* What DISCARD and WRITE_ZEROES are about (virtio 1.2, 5.2.6). */
struct blk_range { u64 sector; u32 sectors, flags; };
enum { BLK_UNMAP = 1 };                                      /* in flags, of WRITE_ZEROES only */
struct disk;

void disks_init(void);
struct disk *disk_find(u32 n);                               /* NULL: the machine has no n-th disk */
u64 disk_sectors(const struct disk *d);
bool disk_read_only(const struct disk *d);
bool disk_has_flush(const struct disk *d);
/* Most sectors that one BLK_DISCARD or BLK_WRITE_ZEROES may name; 0: the disk does not do it. */
u32 disk_clear_limit(const struct disk *d, enum blk_op op);
u32 disk_max_segments(const struct disk *d);
/* `done` is called from the interrupt for every request, with its owner, its tag and enum blk_status. */
void disk_on_done(struct disk *d, void (*done)(void *owner, u64 tag, u8 status));
/* Queues one request on host memory. False: the queue is full, try again after the next `done`. */
bool disk_submit(struct disk *d, enum blk_op op, u64 sector, const struct blk_segment *segments, u32 count,
                 void *owner, u64 tag);
/* Waits until nothing of the owner is in flight; of that, what completes meanwhile is dropped. */
void disk_drain(struct disk *d, const void *owner);
/* Reads one sector and waits for it, while the VMs are set up. */
bool disk_read_now(struct disk *d, u64 sector, void *to);

/* drivers/partition.c */
struct extent { u64 first, sectors; };
/* Where partition `number`, from 1, is; NULL, or what is wrong with the disk's table. */
const char *partition_find(struct disk *d, u32 number, struct extent *e);
#endif
