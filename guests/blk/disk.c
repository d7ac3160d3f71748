/* virtio-blk (virtio 1.2, section 5.2): a request is a chain of header, data and one status byte. */
#include "disk.h"
#include "plic.h"
#include "virtio.h"

#define BLK_F_RO (1ul << 5)
#define BLK_F_FLUSH (1ul << 9)
#define BLK_F_DISCARD (1ul << 13)
#define BLK_F_WRITE_ZEROES (1ul << 14)

struct header {
    u32 type, reserved;
    u64 sector;
};

struct request {
    struct header header;
    volatile u8 status;
    bool busy;
    u64 tag;
    void (*done)(u64 tag, u8 status);
};

struct disk disk;
static u64 device;
static u32 irq;
static struct virtq queue;
static struct request requests[REQUESTS];
static u16 seen; /* completions taken from the used ring so far */

bool disk_init(const void *dtb, u64 hart)
{
    u64 features, wanted = BLK_F_RO | BLK_F_FLUSH | BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
    device = virtio_find(dtb, VIRTIO_ID_BLOCK, &irq);
    if (!device || !virtio_begin(device, wanted, &features) ||
        !virtio_set_queue(device, 0, &queue))
        return false;
    disk.read_only = features & BLK_F_RO;
    disk.has_flush = features & BLK_F_FLUSH;
    disk.has_discard = features & BLK_F_DISCARD;
    disk.has_write_zeroes = features & BLK_F_WRITE_ZEROES;
    disk.sectors = read32(device + VIRTIO_CONFIG) | (u64)read32(device + VIRTIO_CONFIG + 4) << 32;
    plic_init(dtb, hart);
    plic_enable(irq);
    CSR_SET(sie, 1 << IRQ_EXTERNAL);
    virtio_ready(device);
    return true;
}

/* Takes the completions out of the used ring; the order is the device's. */
static void complete_requests(void)
{
    while (seen != *(volatile u16 *)&queue.used.index) {
        fence();
        u32 head = queue.used.ring[seen % QUEUE_SIZE].id;
        if (head % 3 || head / 3 >= REQUESTS || !requests[head / 3].busy)
            fail("the device completed a request that was not made: descriptor %u", head);
        struct request *request = &requests[head / 3];
        seen++;
        request->busy = false;
        request->done(request->tag, request->status);
    }
}

void disk_interrupt(void)
{
    u32 claimed = plic_claim();
    if (claimed == irq) {
        write32(device + VIRTIO_INTERRUPT_ACK, read32(device + VIRTIO_INTERRUPT_STATUS));
        disk.interrupts++;
        complete_requests();
    }
    if (claimed)
        plic_complete(claimed);
}

/* Sleeps until an interrupt came. With sstatus.SIE = 0 between the test of a condition and WFI, an
 * interrupt that comes in between stays pending and ends WFI at once; SIE = 1 then lets it trap. */
static void sleep(void)
{
    wfi();
    CSR_SET(sstatus, SSTATUS_SIE);
    CSR_CLEAR(sstatus, SSTATUS_SIE);
}

static int free_slot(void)
{
    for (int slot = 0; slot < REQUESTS; slot++)
        if (!requests[slot].busy)
            return slot;
    return -1;
}

void disk_submit(u32 operation, u64 sector, void *data, u32 sectors, u64 tag, void (*done)(u64, u8))
{
    disk_submit_bytes(operation, sector, data, sectors * SECTOR, tag, done);
}

void disk_submit_bytes(u32 operation, u64 sector, void *data, u32 length, u64 tag, void (*done)(u64, u8))
{
    bool to_memory = operation == DISK_READ || operation == DISK_GET_ID;
    int slot;
    while ((slot = free_slot()) < 0)
        sleep();
    struct request *request = &requests[slot];
    struct virtq_desc *desc = &queue.desc[3 * slot];
    u16 head = (u16)(3 * slot), status = head + 2, data_flags = to_memory ? DESC_WRITE : 0;
    *request = (struct request){ { operation, 0, sector }, DISK_PENDING, true, tag, done };
    desc[0] = (struct virtq_desc){ (u64)&request->header, sizeof request->header, DESC_NEXT,
                                   length ? head + 1 : status };
    desc[1] = (struct virtq_desc){ (u64)data, length, data_flags | DESC_NEXT, status };
    desc[2] = (struct virtq_desc){ (u64)&request->status, 1, DESC_WRITE, 0 };
    queue.avail.ring[queue.avail.index % QUEUE_SIZE] = head;
    fence(); /* the descriptors before the index, the index before the notification */
    *(volatile u16 *)&queue.avail.index = queue.avail.index + 1;
    fence();
    write32(device + VIRTIO_QUEUE_NOTIFY, 0);
}

void disk_drain(void)
{
    for (int slot = 0; slot < REQUESTS; slot++)
        while (*(volatile bool *)&requests[slot].busy)
            sleep();
}
