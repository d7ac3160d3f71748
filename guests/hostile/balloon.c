/* Attacks through the balloon (virtio 1.2, 5.5): pages that we do not have, that are given up twice, that others are
 * using for us, or that we go on using. Whatever we say, we must find nothing there but what is ours, or zeros. */
#include "ring.h"

enum { INFLATE = 0, DEFLATE = 1, MUST_TELL_HOST = 1, BIG_PAGE = 2 << 20, BIG_PAGE_PAGES = 512, LIST = 1024 };

static struct virtq queues[2];
static u32 list[LIST];
static u64 balloon, begin, end; /* the device; whole big pages of ours that hold nothing */
extern char __image_end[];

static bool bring_up(u64 features)
{
    u64 accepted;
    u32 irq;
    balloon = virtio_find(machine.dtb, VIRTIO_ID_BALLOON, &irq);
    begin = ((u64)__image_end + BIG_PAGE - 1) & -(u64)BIG_PAGE;
    end = (machine.ram_end - (machine.ram_end - machine.ram_base) / 4) & -(u64)BIG_PAGE;
    if (!balloon || begin + 2 * BIG_PAGE > end || !virtio_begin(balloon, features, &accepted))
        return false;
    for (u32 i = 0; i < 2; i++)
        if (!virtio_set_queue(balloon, i, &queues[i]))
            return false;
    virtio_ready(balloon);
    return true;
}

/* Offers a list in as many turns as it takes; false if the device gives no answer. */
static bool tell_at(u32 number, u64 address, u32 length, u16 flags)
{
    struct virtq *q = &queues[number];
    q->desc[0] = (struct virtq_desc){ address, length, flags, 0 };
    q->avail.ring[q->avail.index % QUEUE_SIZE] = 0;
    fence();
    q->avail.index++;
    fence();
    write32(balloon + VIRTIO_QUEUE_NOTIFY, number);
    for (u32 i = 0; i < 10000000; i++) {
        if (*(volatile u16 *)&q->used.index == q->avail.index)
            return true;
        if (read32(balloon + VIRTIO_STATUS) & STATUS_NEEDS_RESET)
            return false;
    }
    return false;
}

static bool tell(u32 number, u32 entries) { return tell_at(number, (u64)list, entries * sizeof(u32), 0); }

static bool tell_range(u32 number, u64 from, u64 to)
{
    bool ok = true;
    while (from < to) {
        u32 n = 0;
        for (; n < LIST && from < to; n++, from += PAGE_SIZE)
            list[n] = (u32)(from / PAGE_SIZE);
        ok &= tell(number, n);
    }
    return ok;
}

static void fill(u64 from, u64 to, u64 with)
{
    for (u64 at = from; at < to; at += PAGE_SIZE)
        *(volatile u64 *)at = *(volatile u64 *)(at + PAGE_SIZE - 8) = with ? at ^ with : 0;
}

static bool holds(u64 from, u64 to, u64 what)
{
    bool same = true;
    for (u64 at = from; at < to; at += PAGE_SIZE)
        same &= *(volatile u64 *)at == (what ? at ^ what : 0) &&
                *(volatile u64 *)(at + PAGE_SIZE - 8) == (what ? at ^ what : 0);
    return same;
}

static enum verdict end_with(bool contained)
{
    write32(balloon + VIRTIO_STATUS, 0);
    return contained_if(contained && bring_up(MUST_TELL_HOST) && (write32(balloon + VIRTIO_STATUS, 0), true));
}

/* Pages below and above our memory, at the ends of the number's range, and all of the first 16 GiB but ours. */
enum verdict attack_balloon_bad_pages(void)
{
    u64 first = machine.ram_base / PAGE_SIZE, past = machine.ram_end / PAGE_SIZE;
    const u64 bad[] = { 0, 1, first - 1, past, past + 1, past + BIG_PAGE_PAGES, 0x7fffffff, 0x80000000, 0xffffffff };
    bool ok = true;
    if (!bring_up(MUST_TELL_HOST))
        return SKIPPED;
    fill(begin, end, 0x5a5a);
    for (u32 queue = INFLATE; queue <= DEFLATE; queue++) {
        for (u32 i = 0; i < COUNT(bad); i++)
            list[i] = (u32)bad[i];
        ok &= tell(queue, COUNT(bad));
        for (u64 i = 0; i < 1u << 22; i += LIST * 61)
            for (u32 k = 0; k < LIST; k++)
                list[k] = i + k * 61 >= first && i + k * 61 < past ? 0 : (u32)(i + k * 61);
        ok &= tell(queue, LIST);
    }
    return end_with(ok && holds(begin, end, 0x5a5a));
}

/* The same page many times, in one request and in several, and taken back more often than given. */
enum verdict attack_balloon_twice(void)
{
    bool ok = true;
    if (!bring_up(MUST_TELL_HOST))
        return SKIPPED;
    fill(begin, begin + 2 * BIG_PAGE, 0x1234);
    for (u32 round = 0; round < 6; round++) {
        for (u32 k = 0; k < LIST; k++)
            list[k] = (u32)(begin / PAGE_SIZE + k % 2);
        ok &= tell(round % 3 == 2 ? DEFLATE : INFLATE, LIST);
    }
    ok &= holds(begin, begin + 2 * PAGE_SIZE, 0) && holds(begin + 2 * PAGE_SIZE, begin + 2 * BIG_PAGE, 0x1234);
    for (u32 round = 0; round < 4; round++)
        ok &= tell_range(INFLATE, begin, begin + BIG_PAGE) && tell_range(round % 2, begin, begin + BIG_PAGE);
    fill(begin, begin + BIG_PAGE, 0x77);
    return end_with(ok && holds(begin, begin + BIG_PAGE, 0x77));
}

/* The page of the rings and that of the list go while the device uses them. It may stop; it must not go astray. */
enum verdict attack_balloon_rings(void)
{
    if (!bring_up(MUST_TELL_HOST))
        return SKIPPED;
    u32 *numbers = (u32 *)(begin + 8 * PAGE_SIZE);
    for (u32 turn = 0; turn < 2; turn++) {
        struct virtq *q = (struct virtq *)begin;
        if (!bring_up(MUST_TELL_HOST))
            return ESCAPED;
        write32(balloon + VIRTIO_STATUS, 0);
        u64 accepted;
        if (!virtio_begin(balloon, MUST_TELL_HOST, &accepted) || !virtio_set_queue(balloon, INFLATE, q))
            return ESCAPED;
        virtio_ready(balloon);
        /* All of the big page, the rings first or last. */
        for (u32 i = 0; i < BIG_PAGE_PAGES; i++)
            numbers[i] = (u32)(begin / PAGE_SIZE + (turn ? BIG_PAGE_PAGES - 1 - i : i));
        q->desc[0] = (struct virtq_desc){ (u64)numbers, BIG_PAGE_PAGES * sizeof *numbers, 0, 0 };
        q->avail.index = 2; /* and once more the same */
        fence();
        for (u32 i = 0; i < 100; i++)
            write32(balloon + VIRTIO_QUEUE_NOTIFY, INFLATE);
        for (u64 at = begin; at < begin + BIG_PAGE; at += PAGE_SIZE)
            *(volatile u64 *)at = at;
    }
    return end_with(true);
}

/* All that we have, and then it is touched as if nothing had been said: twice, so that it goes a second time. */
enum verdict attack_balloon_everything(void)
{
    bool ok = true;
    if (!bring_up(MUST_TELL_HOST))
        return SKIPPED;
    for (u64 round = 1; round <= 2; round++) {
        fill(begin, end, round);
        ok &= tell_range(INFLATE, begin, end) && holds(begin, end, 0);
        fill(begin, end, round + 8);
        ok &= tell_range(INFLATE, begin, end) && tell_range(DEFLATE, begin, end) && holds(begin, end, round + 8);
    }
    /* Every third page alone, and a reset of the device in the midst of it. */
    for (u64 at = begin; at + 3 * PAGE_SIZE < end; at += 3 * PAGE_SIZE)
        ok &= tell_range(INFLATE, at, at + PAGE_SIZE) && *(volatile u64 *)at == 0;
    return end_with(ok);
}

/* Memory goes while a disk is about to write there. What we find is zeros or the sector, and the disk goes on. */
enum verdict attack_balloon_disk(void)
{
    static struct virtq queue;
    static struct { u32 type, reserved; u64 sector; } header;
    static volatile u8 status;
    static u64 sector[64];
    u64 accepted;
    u32 irq;
    bool ok = true;
    u64 disk = virtio_find(machine.dtb, VIRTIO_ID_BLOCK, &irq);
    if (!disk || !bring_up(MUST_TELL_HOST))
        return SKIPPED;
    if (!virtio_begin(disk, 0, &accepted) || !virtio_set_queue(disk, 0, &queue))
        return ESCAPED;
    virtio_ready(disk);
    for (u16 turn = 1; turn <= 40; turn++) {
        bool honest = turn == 1 || turn == 40;
        u64 to = honest ? (u64)sector : begin + turn * PAGE_SIZE;
        fill(begin, begin + BIG_PAGE, 0);
        status = 0xff;
        queue.desc[0] = (struct virtq_desc){ (u64)&header, 16, DESC_NEXT, 1 };
        queue.desc[1] = (struct virtq_desc){ to, 512, DESC_WRITE | DESC_NEXT, 2 };
        queue.desc[2] = (struct virtq_desc){ (u64)&status, 1, DESC_WRITE, 0 };
        queue.avail.index = turn;
        fence();
        write32(disk + VIRTIO_QUEUE_NOTIFY, 0);
        ok &= honest || tell_range(INFLATE, begin, begin + BIG_PAGE);
        for (u64 i = 0; i < 100000000 && *(volatile u16 *)&queue.used.index != turn; i++)
            cpu_relax();
        ok &= status == 0;
        for (u32 i = 0; i < 64 && !honest; i++)
            ok &= ((volatile u64 *)to)[i] == 0 || ((volatile u64 *)to)[i] == sector[i];
        ok &= honest || tell_range(DEFLATE, begin, begin + BIG_PAGE);
    }
    write32(disk + VIRTIO_STATUS, 0);
    return end_with(ok);
}

/* Lists of odd lengths, of no length, of all of our memory, or that the device could write to; and a driver that will
 * not tell when it takes pages back. */
enum verdict attack_balloon_lists(void)
{
    bool ok = true;
    if (!bring_up(MUST_TELL_HOST))
        return SKIPPED;
    for (u32 length = 0; length < 8; length++)
        for (u32 queue = INFLATE; queue <= DEFLATE; queue++) {
            list[0] = list[1] = 0;
            tell_at(queue, (u64)list, length, 0);
        }
    fill(begin, end, 0);
    ok &= tell_at(DEFLATE, begin, (u32)(end - begin), 0);
    ok &= !tell_at(INFLATE, (u64)list, 64, DESC_WRITE);
    ok &= bring_up(MUST_TELL_HOST) && !tell_at(INFLATE, machine.ram_end - 8, 16, 0);
    ok &= !bring_up(0);
    for (u64 at = VIRTIO_CONFIG; at < VIRTIO_CONFIG + 16; at++)
        attempt_insn(INSN_SB, balloon + at, 0xff);
    return end_with(ok);
}
