/* blk: writes patterns to a virtio disk, reads them back and compares. It writes only to a scratch disk:
 * one that begins with the marker below, or one that holds nothing but zeros where this guest would write. */
#include "disk.h"

static const char marker[] = "rvh scratch disk\n";

enum { MAX_SECTORS = 2048, PASSES = 2 };

static u64 area[MAX_SECTORS * SECTOR / 8] __attribute__((aligned(4096)));
static u64 end_sector[SECTOR / 8];
static u64 sectors; /* this many, from sector 0 on, are written */
static u32 errors;
static u8 last_status;

struct trap_frame *trap_handler(struct trap_frame *frame)
{
    if (frame->scause != (CAUSE_INTERRUPT | IRQ_EXTERNAL))
        unexpected_trap(frame);
    disk_interrupt();
    return frame;
}

static void count_error(u64 sector, u8 status)
{
    last_status = status;
    if (status != DISK_OK && errors++ < 4)
        printf("request at sector %lu ended with status %u\n", sector, status);
}

static void note_status(u64 tag, u8 status)
{
    (void)tag;
    last_status = status;
}

/* Moves the whole area between memory and disk, several requests at a time, forwards or backwards. */
static void transfer(u32 operation, bool backwards)
{
    u64 requests = (sectors + REQUEST_SECTORS - 1) / REQUEST_SECTORS;
    for (u64 i = 0; i < requests; i++) {
        u64 first = (backwards ? requests - 1 - i : i) * REQUEST_SECTORS;
        u64 count = sectors - first < REQUEST_SECTORS ? sectors - first : REQUEST_SECTORS;
        disk_submit(operation, first, &area[first * SECTOR / 8], (u32)count, first, count_error);
    }
    disk_drain();
}

static bool all_zero(const u64 *words, u64 count)
{
    for (u64 i = 0; i < count; i++)
        if (words[i])
            return false;
    return true;
}

/* A zero first sector alone proves nothing: ext4 leaves it zero, and GPT keeps a copy at the disk's end. */
static bool is_scratch(void)
{
    transfer(DISK_READ, false);
    disk_submit(DISK_READ, disk.sectors - 1, end_sector, 1, disk.sectors - 1, count_error);
    disk_drain();
    if (errors)
        return false;
    return memcmp(area, marker, sizeof marker - 1) == 0 ||
           (all_zero(area, sectors * SECTOR / 8) && all_zero(end_sector, SECTOR / 8));
}

/* Each word depends on the pass and on its place, so a sector that lands elsewhere is noticed. */
static u64 pattern(u64 pass, u64 word)
{
    u64 x = (word + 1) * 0x9e3779b97f4a7c15ul + pass;
    return x ^ x >> 29;
}

static void fill(u64 pass)
{
    for (u64 i = 0; i < sectors * SECTOR / 8; i++)
        area[i] = pattern(pass, i);
    memset(area, 0, SECTOR);
    memcpy(area, marker, sizeof marker - 1);
}

static u64 verify(u64 pass, u64 *checksum)
{
    u64 wrong = memcmp(area, marker, sizeof marker - 1) != 0;
    *checksum = 0xcbf29ce484222325;
    for (u64 i = 0; i < sectors * SECTOR / 8; i++) {
        *checksum = (*checksum ^ area[i]) * 0x100000001b3;
        wrong += i >= SECTOR / 8 && area[i] != pattern(pass, i);
    }
    return wrong;
}

static bool refused(u32 operation, u64 sector)
{
    last_status = DISK_PENDING;
    disk_submit(operation, sector, end_sector, 1, sector, note_status);
    disk_drain();
    return last_status == DISK_IO_ERROR || last_status == DISK_UNSUPPORTED;
}

static u8 clear(u32 operation, u64 sector, u32 count)
{
    static struct disk_range range;
    range = (struct disk_range){ sector, count, operation == DISK_WRITE_ZEROES };
    disk_submit_bytes(operation, 0, &range, sizeof range, 0, note_status);
    disk_drain();
    return last_status;
}

/* Zeroes of 8 sectors in the middle leave their neighbours alone; beyond the end they are refused. */
static const char *write_zeroes(u64 pass)
{
    if (!disk.has_write_zeroes)
        return "not offered";
    if (sectors < 32 || clear(DISK_WRITE_ZEROES, 12, 8) != DISK_OK ||
        clear(DISK_WRITE_ZEROES, disk.sectors - 1, 2) != DISK_IO_ERROR)
        return "WRONG STATUS";
    memset(area, 0xee, sizeof area);
    transfer(DISK_READ, false);
    for (u64 i = SECTOR / 8; i < sectors * SECTOR / 8; i++) {
        bool inside = i >= 12 * SECTOR / 8 && i < 20 * SECTOR / 8;
        if (area[i] != (inside ? 0 : pattern(pass, i)))
            return "WRONG DATA";
    }
    return "right";
}

/* What a discarded sector holds is the disk's affair. */
static const char *discard(void)
{
    if (!disk.has_discard)
        return "not offered";
    return clear(DISK_DISCARD, 12, 8) == DISK_OK && clear(DISK_DISCARD, disk.sectors, 1) == DISK_IO_ERROR ? "right"
                                                                                                     : "WRONG";
}

bool guest_main(u64 hart, const void *dtb)
{
    bool good = true;
    if (!disk_init(dtb, hart))
        fail("blk: no virtio block device (version 2) to work on");
    printf("disk of %lu sectors of %d bytes, %s, %s\n", disk.sectors, SECTOR,
           disk.read_only ? "read-only" : "writable", disk.has_flush ? "flush" : "no flush");
    if (disk.read_only || disk.sectors == 0)
        fail("blk: nothing to do on this disk");
    sectors = disk.sectors < MAX_SECTORS ? disk.sectors : MAX_SECTORS;
    if (!is_scratch())
        fail("blk: this is no scratch disk (marker or zeros): not touched");

    for (u64 pass = 0; pass < PASSES; pass++) {
        u64 checksum, wrong;
        fill(pass);
        transfer(DISK_WRITE, pass % 2);
        if (disk.has_flush)
            disk_submit(DISK_FLUSH, 0, NULL, 0, 0, count_error);
        disk_drain();
        memset(area, 0xee, sizeof area);
        transfer(DISK_READ, !(pass % 2));
        wrong = verify(pass, &checksum);
        printf("pass %lu: %lu sectors written and read, %lu words wrong, checksum %016lx\n",
               pass + 1, sectors, wrong, checksum);
        good &= wrong == 0 && errors == 0;
    }
    const char *zeroes = write_zeroes(PASSES - 1), *discards = discard();
    static char id[DISK_ID_LENGTH + 1];
    disk_submit_bytes(DISK_GET_ID, 0, id, DISK_ID_LENGTH, 0, note_status);
    disk_drain();
    printf("write-zeroes: %s; discard: %s; serial %s\n", zeroes, discards, id);
    good &= *zeroes != 'W' && *discards != 'W';
    bool end_kept = refused(DISK_READ, disk.sectors) && refused(DISK_WRITE, disk.sectors);
    bool type_refused = refused(0x7777, 0);
    printf("beyond the end: %s; unknown request: %s\n", end_kept ? "refused" : "ACCEPTED",
           type_refused ? "refused" : "ACCEPTED");
    good &= end_kept && type_refused && disk.interrupts != 0;
    printf("blk: %s\n", good ? "all data right" : "FAILED");
    return good;
}
