/* Partition tables of the machine's disks: MBR with extended partitions, and GPT (UEFI, chapter 5), whose checksums are
   looked at and whose copy at the disk's end stands in for a damaged head. Nothing in a table is trusted: every number
   is compared with the disk's size. */
#include "drivers/drivers.h"

enum { SIGNATURE = 510, ENTRIES = 446, ENTRY_SIZE = 16, PRIMARY = 4, MAX_LOGICAL = 60 };
enum { TYPE_EXTENDED = 0x05, TYPE_EXTENDED_LBA = 0x0f, TYPE_PROTECTIVE = 0xee };
enum { GPT_HEADER_MIN = 92, GPT_ENTRY_MIN = 128, GPT_MAX_BYTES = 1 << 18 };

struct gpt {
    u64 signature;
    u32 revision, header_size, header_crc, reserved;
    u64 my_lba, other_lba, first_usable, last_usable;
    u8 disk_guid[16];
    u64 entries_lba;
    u32 entries, entry_size, entries_crc;
};
struct gpt_entry { u8 type[16], guid[16]; u64 first, last; };
static const u64 GPT_SIGNATURE = 0x5452415020494645ull;      /* "EFI PART" */

static u8 sector[BLK_SECTOR] __attribute__((aligned(8)));

static u32 le32(const u8 *p) { return (u32)p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24; }

static u32 crc32(u32 crc, const u8 *data, u64 n)
{
    crc = ~crc;
    for (; n--; data++) {
        crc ^= *data;
        for (u32 bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static bool has_signature(void) { return sector[SIGNATURE] == 0x55 && sector[SIGNATURE + 1] == 0xaa; }

/* Entry `i` of the table in `sector`; false if it is empty. */
static bool mbr_entry(u32 i, u64 base, u8 *type, struct extent *e)
{
    const u8 *entry = sector + ENTRIES + i * ENTRY_SIZE;

    *type = entry[4];
    *e = (struct extent){base + le32(entry + 8), le32(entry + 12)};
    return *type && e->sectors;
}

static bool is_extended(u8 type) { return (type & 0x7f) == TYPE_EXTENDED || type == TYPE_EXTENDED_LBA; }

/* Logical partitions, from 5 on, are a chain of tables: the partition, and the next table's place in the extended
   one. */
static const char *logical(struct disk *d, u32 number, u64 extended, struct extent *e)
{
    struct extent link = {extended, 1};
    u8 type;

    for (u32 n = PRIMARY + 1; n <= PRIMARY + MAX_LOGICAL; n++) {
        if (!contains(0, disk_sectors(d), link.first, 1) || !disk_read_now(d, link.first, sector) || !has_signature())
            return "its chain of logical partitions is damaged";
        if (n == number)
            return mbr_entry(0, link.first, &type, e) ? NULL : "it has no such partition";
        u64 here = link.first;
        if (!mbr_entry(1, extended, &type, &link) || !is_extended(type))
            return "it has no such partition";
        if (link.first <= here)              /* a loop, or on the way to one */
            return "its chain of logical partitions is damaged";
    }
    return "it has no such partition";
}

static const char *mbr(struct disk *d, u32 number, struct extent *e)
{
    u8 type;

    if (number <= PRIMARY)
        return mbr_entry(number - 1, 0, &type, e) && !is_extended(type) ? NULL : "it has no such partition";
    for (u32 i = 0; i < PRIMARY; i++)
        if (mbr_entry(i, 0, &type, e) && is_extended(type))
            return logical(d, number, e->first, e);
    return "it has no such partition";
}

/* The header at `lba`, if all of it is as it should be. */
static bool gpt_header(struct disk *d, u64 lba, struct gpt *g)
{
    if (!disk_read_now(d, lba, sector))
        return false;
    memcpy(g, sector, sizeof(*g));
    if (g->signature != GPT_SIGNATURE || g->header_size < GPT_HEADER_MIN || g->header_size > BLK_SECTOR ||
        g->my_lba != lba)
        return false;
    memset(sector + offsetof(struct gpt, header_crc), 0, sizeof(g->header_crc));
    return crc32(0, sector, g->header_size) == g->header_crc && g->entry_size >= GPT_ENTRY_MIN &&
           g->entry_size % GPT_ENTRY_MIN == 0 && g->entry_size <= BLK_SECTOR && g->entries &&
           (u64)g->entries * g->entry_size <= GPT_MAX_BYTES && BLK_SECTOR % g->entry_size == 0;
}

/* Reads all entries for their checksum and keeps one; false if they are damaged. */
static bool gpt_entries(struct disk *d, const struct gpt *g, u32 number, struct gpt_entry *found)
{
    u64 bytes = (u64)g->entries * g->entry_size, place = (u64)(number - 1) * g->entry_size;
    u32 crc = 0;

    if (!contains(0, disk_sectors(d), g->entries_lba, ALIGN_UP(bytes, BLK_SECTOR) / BLK_SECTOR))
        return false;
    for (u64 at = 0; at < bytes; at += BLK_SECTOR) {
        if (!disk_read_now(d, g->entries_lba + at / BLK_SECTOR, sector))
            return false;
        crc = crc32(crc, sector, min_u64(BLK_SECTOR, bytes - at));
        if (place >= at && place < at + BLK_SECTOR)
            memcpy(found, sector + (place - at), sizeof(*found));
    }
    return crc == g->entries_crc;
}

static const char *gpt(struct disk *d, u32 number, struct extent *e)
{
    static const u8 unused[16];
    const u64 places[] = {1, disk_sectors(d) - 1};
    struct gpt_entry entry = {0};
    struct gpt g;

    for (u32 i = 0; i < ARRAY_LEN(places); i++) {
        if (!gpt_header(d, places[i], &g))
            continue;
        if (number > g.entries)
            return "it has no such partition";
        if (!gpt_entries(d, &g, number, &entry))
            continue;
        if (!memcmp(entry.type, unused, sizeof(unused)))
            return "it has no such partition";
        if (entry.first < g.first_usable || entry.last > g.last_usable || entry.first > entry.last)
            return "its partition table is damaged";
        *e = (struct extent){entry.first, entry.last - entry.first + 1};
        return NULL;
    }
    return "its partition table is damaged";
}

const char *partition_find(struct disk *d, u32 number, struct extent *e)
{
    struct extent whole;
    u8 type;

    if (disk_sectors(d) < 2 || !disk_read_now(d, 0, sector))
        return "its partition table cannot be read";
    if (!has_signature())
        return "it has no partition table";
    bool protective = mbr_entry(0, 0, &type, &whole) && type == TYPE_PROTECTIVE;
    const char *error = protective ? gpt(d, number, e) : mbr(d, number, e);
    if (error)
        return error;
    return e->sectors && contains(0, disk_sectors(d), e->first, e->sectors) ? NULL : "its partition ends beyond the disk";
}
