/* balloon: drives a virtio balloon (virtio 1.2, 5.5). It marks every page of its free memory; then it gives up as many
 * as the device asks for, and when it takes pages back each has to be its own again and empty. Boot arguments:
 * odd gives up every second page first; alone gives up what is asked for, takes all of it back, and ends with a
 * verdict. Without it the guest follows the device for ever. */
#include "guest.h"
#include "plic.h"
#include "virtio.h"

enum { INFLATE = 0, DEFLATE = 1, MUST_TELL_HOST = 1, NUM_PAGES = VIRTIO_CONFIG, ACTUAL = VIRTIO_CONFIG + 4 };
enum { BATCH = 256, BIG_PAGE = 2 << 20 };

static u64 device, first, count; /* our free memory: pages from `first` on */
static u64 held;                 /* of them are in the balloon */
static bool odd, alone;
static u32 irq, wrong;
static struct virtq queues[2];
static u32 numbers[BATCH] __attribute__((aligned(4096)));

/* The page that is the n-th to go into the balloon. */
static u64 page(u64 n)
{
    u64 half = (count + 1) / 2;
    return first + PAGE_SIZE * (!odd ? n : n < half ? 2 * n : 2 * (n - half) + 1);
}

static volatile u64 *word(u64 n, u64 i) { return (volatile u64 *)page(n) + i; }

static void mark(u64 n)
{
    *word(n, 0) = *word(n, 511) = page(n) | 1;
}

static bool has_mark(u64 n) { return *word(n, 0) == (page(n) | 1) && *word(n, 511) == (page(n) | 1); }

static bool is_empty(u64 n)
{
    u64 sum = 0;
    for (u64 i = 0; i < 512; i++)
        sum |= *word(n, i);
    return sum == 0;
}

static void tell(u32 number, u32 entries)
{
    struct virtq *q = &queues[number];
    u16 index = q->avail.index;
    q->desc[0] = (struct virtq_desc){ (u64)numbers, entries * sizeof(u32), 0, 0 };
    q->avail.ring[index % QUEUE_SIZE] = 0;
    fence();
    q->avail.index = ++index;
    fence();
    write32(device + VIRTIO_QUEUE_NOTIFY, number);
    while (*(volatile u16 *)&q->used.index != index)
        cpu_relax();
    write32(device + VIRTIO_INTERRUPT_ACK, 1);
}

static void give_up(u64 until)
{
    while (held < until) {
        u32 n = 0;
        for (; n < BATCH && held + n < until; n++)
            numbers[n] = (u32)(page(held + n) / PAGE_SIZE);
        tell(INFLATE, n);
        held += n;
    }
}

static void take_back(u64 until)
{
    while (held > until) {
        u32 n = 0;
        for (; n < BATCH && held - n > until; n++)
            numbers[n] = (u32)(page(held - n - 1) / PAGE_SIZE);
        tell(DEFLATE, n);
        held -= n;
        for (u64 i = held; i < held + n; i++) {
            wrong += !is_empty(i);
            mark(i);
        }
    }
}

static void follow(u64 wanted)
{
    if (wanted > count)
        wanted = count;
    give_up(wanted);
    take_back(wanted);
    write32(device + ACTUAL, (u32)held);
    for (u64 n = held; n < count; n++)
        wrong += !has_mark(n);
    printf("%lu pages in the balloon, %u wrong\n", held, wrong);
}

static bool bring_up(const void *dtb, u64 hart)
{
    u64 features;
    device = virtio_find(dtb, VIRTIO_ID_BALLOON, &irq);
    if (!device || virtio_begin(device, 0, &features))
        fail("%s", device ? "the balloon takes drivers that do not tell it" : "no balloon");
    if (!virtio_begin(device, MUST_TELL_HOST, &features) || !virtio_set_queue(device, INFLATE, &queues[0]) ||
        !virtio_set_queue(device, DEFLATE, &queues[1]))
        return false;
    virtio_ready(device);
    plic_init(dtb, hart);
    plic_enable(irq);
    CSR_SET(sie, 1 << IRQ_EXTERNAL); /* ends WFI; nothing is taken */
    return true;
}

static void wait_for_change(void)
{
    wfi();
    if (plic_claim() == irq) {
        write32(device + VIRTIO_INTERRUPT_ACK, read32(device + VIRTIO_INTERRUPT_STATUS));
        plic_complete(irq);
    }
}

bool guest_main(u64 hart, const void *dtb)
{
    const char *words = fdt_string(dtb, fdt_path(dtb, "/chosen"), "bootargs");
    u64 base = 0, size = 0, seen = 0;
    odd = words && strncmp(words, "odd", 3) == 0;
    alone = words && strlen(words) >= 5 && strcmp(words + strlen(words) - 5, "alone") == 0;
    if (!bring_up(dtb, hart))
        fail("the balloon does not take our features");
    /* Whole big pages, and not the one at the top with the device tree. */
    fdt_reg(dtb, fdt_device_type(dtb, -1, "memory"), &base, &size);
    first = ((u64)__image_end + BIG_PAGE - 1) & -(u64)BIG_PAGE;
    count = ((base + size - 1) / BIG_PAGE * BIG_PAGE - first) / PAGE_SIZE;
    for (u64 n = 0; n < count; n++)
        mark(n);
    printf("%lu pages are free\n", count);
    for (bool change = true;; change = read32(device + NUM_PAGES) != seen) {
        if (change) {
            seen = read32(device + NUM_PAGES);
            follow(seen);
        }
        if (alone)
            break;
        if (read32(device + NUM_PAGES) == seen)
            wait_for_change();
    }
    follow(0);
    return wrong == 0 && seen > 0;
}
