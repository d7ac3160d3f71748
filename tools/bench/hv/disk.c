/* virtio-blk throughput: boot arguments "mode=read|write size=BYTES random=0|1 n=REQUESTS", five requests in flight.
 * What is read is compared with what the host put there or this guest wrote: each sector begins with its number. */
#include "arguments.h"
#include "disk.h"

enum { LARGEST = 128 << 10 };

static u8 buffers[REQUESTS][LARGEST] __attribute__((aligned(4096)));
static u64 sectors_of[REQUESTS];
static bool busy[REQUESTS], reading;
static u32 size;

struct trap_frame *trap_handler(struct trap_frame *frame)
{
    if (frame->scause != (CAUSE_INTERRUPT | IRQ_EXTERNAL))
        unexpected_trap(frame);
    disk_interrupt();
    return frame;
}

static void done(u64 tag, u8 status)
{
    const u64 *words = (const u64 *)buffers[tag];
    u64 last = size / SECTOR - 1;

    if (status != DISK_OK)
        fail("sector %lu: status %u", sectors_of[tag], status);
    if (reading && (words[0] != sectors_of[tag] || words[last * SECTOR / 8] != sectors_of[tag] + last))
        fail("sector %lu: not what was written", sectors_of[tag]);
    busy[tag] = false;
}

/* disk_submit waits until one of its REQUESTS slots is free; then a buffer is free too. */
static u32 free_buffer(void)
{
    for (;;) {
        for (u32 i = 0; i < REQUESTS; i++)
            if (!*(volatile bool *)&busy[i])
                return i;
        wfi();
        CSR_SET(sstatus, SSTATUS_SIE);
        CSR_CLEAR(sstatus, SSTATUS_SIE);
    }
}

bool guest_main(u64 hart, const void *dtb)
{
    const char *mode = argument(dtb, "mode=");
    u64 n = number_argument(dtb, "n="), state = 88172645463325252ul, position = 0;
    bool random = number_argument(dtb, "random=") != 0;

    size = (u32)number_argument(dtb, "size=");
    reading = mode && strncmp(mode, "read", 4) == 0;
    if (!disk_init(dtb, hart) || !mode || size < SECTOR || size > LARGEST || size % SECTOR)
        fail("no disk, or a size that is not 512 to 131072");
    u64 places = disk.sectors / (size / SECTOR);
    if (!places)
        fail("the disk is too small");
    for (u64 i = 0; i < n; i++) {
        u32 slot = free_buffer();
        state ^= state << 13; /* xorshift64 */
        state ^= state >> 7;
        state ^= state << 17;
        sectors_of[slot] = (random ? state : position++) % places * (size / SECTOR);
        if (!reading)
            for (u32 at = 0; at < size / SECTOR; at++)
                *(u64 *)(buffers[slot] + at * SECTOR) = sectors_of[slot] + at;
        busy[slot] = true;
        disk_submit_bytes(reading ? DISK_READ : DISK_WRITE, sectors_of[slot], buffers[slot], size, slot, done);
    }
    disk_drain();
    printf("bench: ok\n");
    return true;
}
