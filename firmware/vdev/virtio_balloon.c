/* virtio-balloon back end (virtio 1.2, 5.5): pages that the driver gives up. Their memory goes back to the machine,
   page by page, or with the last page of a chunk; where it cannot yet, it stays and is zeroed. */
#include "vm.h"

enum { INFLATE = 0, DEFLATE = 1, F_MUST_TELL_HOST = 1 << 0, F_DEFLATE_ON_OOM = 1 << 2 };
enum { ACTUAL = 4, CHUNK_PAGES = CHUNK / PAGE_SIZE, WORD = 64, BATCH = 64, MAX_PAGES = 1024 /* in a turn */ };

/* Pages that the VM no longer maps and that nobody else has yet, until the next fence. */
struct leaving { u32 count; u64 host[BATCH]; };

/* Without MUST_TELL_HOST a driver could be using a page again that still counts as given up, and lose it with its
   chunk: the device may insist on that feature (5.5.3.2). */
static u64 offered_features(const struct virtio_dev *d)
{
    (void)d;
    return F_MUST_TELL_HOST | F_DEFLATE_ON_OOM;
}

static u8 config(const struct virtio_dev *d, u32 offset)
{
    const struct balloon *b = &d->vm->balloon;
    struct { u32 num_pages, actual; } c = {(u32)(b->target / PAGE_SIZE), b->actual};     /* 5.5.4 */

    return offset < sizeof(c) ? ((const u8 *)&c)[offset] : 0;
}

static void set_config(struct virtio_dev *d, u32 offset, u8 value)
{
    if (offset >= ACTUAL && offset < ACTUAL + sizeof(u32))
        ((u8 *)&d->vm->balloon.actual)[offset - ACTUAL] = value;
}

static u64 page_of(u64 gpa) { return (gpa - GUEST_RAM_BASE) / PAGE_SIZE; }

bool balloon_has(const struct vm *vm, u64 gpa)
{
    u64 page = page_of(gpa), *word = &vm->balloon.pages[page / WORD];

    return vm->has_balloon && (__atomic_load_n(word, __ATOMIC_RELAXED) >> page % WORD & 1);
}

bool balloon_has_of_chunk(const struct vm *vm, u64 gpa)
{
    u64 first = ALIGN_DOWN(page_of(gpa), CHUNK_PAGES), any = 0;

    for (u64 at = first; vm->has_balloon && at < min_u64(first + CHUNK_PAGES, vm->ram_size / PAGE_SIZE); at += WORD)
        any |= __atomic_load_n(&vm->balloon.pages[at / WORD], __ATOMIC_RELAXED);
    return any;
}

static void change(struct vm *vm, u64 gpa, bool put)
{
    struct balloon *b = &vm->balloon;
    u64 page = page_of(gpa), *word = &b->pages[page / WORD];

    __atomic_store_n(word, *word ^ BIT(page % WORD), __ATOMIC_RELAXED);
    b->held += put ? PAGE_SIZE : -(u64)PAGE_SIZE;
    __atomic_store_n(&vm->memory.ballooned, b->held, __ATOMIC_RELAXED);
}

/* All pages of the chunk but this one are in the balloon. */
static bool is_last(const struct vm *vm, u64 gpa)
{
    u64 page = page_of(gpa), first = ALIGN_DOWN(page, CHUNK_PAGES);
    u64 end = min_u64(first + CHUNK_PAGES, vm->ram_size / PAGE_SIZE);

    for (u64 at = first; at < end; at += WORD) {
        u64 all = end - at < WORD ? BIT(end - at) - 1 : FOREVER;
        u64 self = page - at < WORD ? BIT(page - at) : 0;
        if ((vm->balloon.pages[at / WORD] | self) != all)
            return false;
    }
    return true;
}

static void let_go(struct vm *vm, struct leaving *l)
{
    if (l->count)
        gstage_fence(vm);
    while (l->count)
        frame_give(l->host[--l->count]);
}

static void inflate(struct vm *vm, u64 gpa, struct leaving *l)
{
    bool last = is_last(vm, gpa);

    change(vm, gpa, true);
    u64 host = last ? 0 : gstage_unmap(vm, gpa);
    if (host)
        l->host[l->count++] = host;
    else if (last)
        gstage_withdraw(vm, gpa);
    else
        gstage_clear_page(vm, gpa);
}

/* Numbers of pages that the VM does not have, or that are in the balloon already, or not, are passed over. */
static void one_page(struct vm *vm, u32 queue, u32 number, struct leaving *l)
{
    u64 gpa = (u64)number * PAGE_SIZE;

    if (!vm_is_ram(vm, gpa, PAGE_SIZE) || balloon_has(vm, gpa) != (queue == DEFLATE))
        return;
    if (queue == DEFLATE)
        change(vm, gpa, false);
    else
        inflate(vm, gpa, l);
}

/* Goes through the page numbers of a request, from where the last turn ended; false if this one ends before they do. */
static bool work_off(struct virtio_dev *d, u32 queue, struct chain *c, u32 *left)
{
    u32 *done = &d->vm->balloon.done[queue], numbers[BATCH];
    struct leaving leaving = {0};

    segments_drop(c->segment, c->readable, *done * sizeof(*numbers));
    for (u64 rest = segments_length(c->segment, c->readable) / sizeof(*numbers), n; rest; rest -= n) {
        n = min_u64(rest, min_u64(*left, BATCH));
        if (!n) {
            virtio_later(d, queue);
            return false;
        }
        if (!segments_take(d->vm, c->segment, c->readable, numbers, (u32)n * sizeof(*numbers)))
            break;
        for (u32 i = 0; i < n; i++)
            one_page(d->vm, queue, numbers[i], &leaving);
        let_go(d->vm, &leaving);
        *done += (u32)n;
        *left -= (u32)n;
    }
    *done = 0;
    return true;
}

/* What leaves is not to be known to the disk: the balloon waits for its requests, and new ones for the balloon. */
static void notify(struct virtio_dev *d, u32 queue)
{
    u32 left = MAX_PAGES;
    struct chain c;

    d->vm->disk_held |= queue == INFLATE && d->vm->blk_busy;
    while (!(queue == INFLATE && d->vm->blk_busy) && virtq_pop(d, queue, &c)) {
        if (c.writable) {
            virtio_broken(d);
            return;
        }
        if (!work_off(d, queue, &c, &left)) {
            virtq_unpop(d, queue, c.head);
            return;
        }
        virtq_push(d, queue, c.head, 0);
    }
}

/* Nobody may be left who would exit and let the rest of it have its turn: an interrupt makes somebody. */
void balloon_go_on(struct vm *vm)
{
    struct virtio_dev *d = &vm->virtio[VIRTIO_SLOT_BALLOON];

    virtio_turn(d, INFLATE);
    if (d->later)
        virtio_interrupt(d);
}

/* The driver has forgotten what it gave up: all is its own again. */
static void reset(struct virtio_dev *d)
{
    struct vm *vm = d->vm;

    memset(vm->balloon.pages, 0, ALIGN_UP(vm->ram_size / PAGE_SIZE, WORD) / 8);
    memset(vm->balloon.done, 0, sizeof(vm->balloon.done));
    vm->balloon.held = vm->memory.ballooned = vm->balloon.actual = 0;
    if (vm->disk_held)
        virtio_later(&vm->virtio[VIRTIO_SLOT_BLK], 0);
    vm->disk_held = false;
}

const struct virtio_backend virtio_balloon = {
    5, 2, offered_features, notify, config, reset, F_MUST_TELL_HOST, set_config,
};

const char *balloon_set_target(struct vm *vm, u64 bytes)
{
    if (!vm->has_balloon)
        return "it has no balloon; balloon = \"0\" in its description gives it one";
    if (bytes > vm->ram_size)
        return "that is more than all of its memory";
    spin_lock(&vm->lock);
    vm->balloon.target = ALIGN_DOWN(bytes, PAGE_SIZE);
    virtio_config_changed(&vm->virtio[VIRTIO_SLOT_BALLOON]);
    spin_unlock(&vm->lock);
    return NULL;
}

const char *virtio_balloon_attach(struct vm *vm)
{
    if (!vm->has_balloon)
        return NULL;
    vm->balloon.pages = ram_take_zeroed(ALIGN_UP(vm->ram_size / PAGE_SIZE, WORD) / 8, PAGE_SIZE);
    vm->virtio[VIRTIO_SLOT_BALLOON] =
        (struct virtio_dev){.backend = &virtio_balloon, .vm = vm, .irq = VIRTIO_IRQ + VIRTIO_SLOT_BALLOON};
    return vm->balloon.pages ? NULL : "no memory is left for its balloon";
}
