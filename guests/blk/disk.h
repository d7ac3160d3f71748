/* The virtio-blk driver: several requests in flight, completed by interrupt. */
#pragma once
#include "guest.h"

enum { SECTOR = 512, REQUEST_SECTORS = 8, REQUESTS = 5 };
enum disk_operation {
    DISK_READ = 0, DISK_WRITE = 1, DISK_FLUSH = 4, DISK_GET_ID = 8, DISK_DISCARD = 11, DISK_WRITE_ZEROES = 13,
};
enum { DISK_ID_LENGTH = 20 };

/* What DISCARD and WRITE_ZEROES are about. */
struct disk_range { u64 sector; u32 sectors, flags; };
enum disk_status { DISK_OK = 0, DISK_IO_ERROR = 1, DISK_UNSUPPORTED = 2, DISK_PENDING = 0xff };

struct disk {
    u64 sectors;
    bool read_only, has_flush, has_discard, has_write_zeroes;
    u32 interrupts;
};
extern struct disk disk;

bool disk_init(const void *dtb, u64 hart);

/* Queues one request and returns its slot (0 to REQUESTS-1); waits first if all slots are busy. `done` is
 * called with the slot's `tag` and the status when the request has completed. */
void disk_submit(u32 operation, u64 sector, void *data, u32 sectors, u64 tag,
                 void (*done)(u64 tag, u8 status));

/* The same with data of any length. */
void disk_submit_bytes(u32 operation, u64 sector, void *data, u32 length, u64 tag, void (*done)(u64 tag, u8 status));

/* Waits until no request is in flight. */
void disk_drain(void);

/* Handles the device's interrupt; called by trap_handler. */
void disk_interrupt(void);
