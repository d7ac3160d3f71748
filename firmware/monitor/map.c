/* Monitor verb that prints a VM's G-stage map: runs of equal pages, with permissions; and what is in its balloon. */
#include "monitor/monitor.h"

enum { MAX_LINES = 64 };

struct run { u64 gpa, host, size, page, flags; };
struct walk { const struct asker *asker; struct run run; u32 lines; };

static void put(struct walk *w)
{
    const struct run *r = &w->run;
    bool shared = gstage_is_zeroes(r->host);
    char host[24] = "zeroes, shared";

    if (!shared)
        format(host, sizeof(host), "0x%lx", r->host);
    if (r->size && w->lines++ < MAX_LINES)
        say(w->asker, "  0x%lx to 0x%lx -> %s %c%c%c, pages of %lu KiB", r->gpa, r->gpa + r->size - 1, host,
            r->flags & PTE_R ? 'r' : '-', r->flags & PTE_W ? 'w' : '-', r->flags & PTE_X ? 'x' : '-', r->page >> 10);
    w->run.size = 0;
}

static void visit(struct walk *w, u64 gpa, u64 host, u64 page, u64 flags)
{
    struct run *r = &w->run;

    bool follows = r->host + r->size == host || (gstage_is_zeroes(r->host) && gstage_is_zeroes(host));

    if (r->size && r->gpa + r->size == gpa && follows && r->page == page && r->flags == flags) {
        r->size += page;
        return;
    }
    put(w);
    *r = (struct run){gpa, host, page, page, flags};
}

static void table(struct walk *w, const u64 *entries, u32 level, u64 gpa)
{
    u32 count = level == features.gstage_levels - 1 ? 2048 : 512;
    u64 page = BIT(12 + 9 * level);

    for (u32 i = 0; i < count; i++) {
        u64 pte = __atomic_load_n(&entries[i], __ATOMIC_ACQUIRE), to = pte >> 10 << 12 & (BIT(56) - 1);
        if (!(pte & PTE_V))
            continue;
        if (pte & (PTE_R | PTE_W | PTE_X))
            visit(w, gpa + i * page, to, page, pte & (PTE_R | PTE_W | PTE_X));
        else if (level)
            table(w, (const u64 *)to, level - 1, gpa + i * page);
    }
}

static void balloon(struct walk *w, const struct vm *vm)
{
    u64 left = vm->balloon.held, size;

    for (u64 gpa = GUEST_RAM_BASE; left && vm_is_ram(vm, gpa, PAGE_SIZE); gpa += size + PAGE_SIZE) {
        for (size = 0; vm_is_ram(vm, gpa + size, PAGE_SIZE) && balloon_has(vm, gpa + size); size += PAGE_SIZE)
            ;
        left -= min_u64(left, size);
        if (size && w->lines++ < MAX_LINES)
            say(w->asker, "  0x%lx to 0x%lx in the balloon", gpa, gpa + size - 1);
    }
}

static const char *map(const struct asker *a, struct vm *vm, const char *rest)
{
    struct walk w = {a, {0}, 0};

    (void)rest;
    if (!vm->created)
        return "it could not be set up";
    say(a, "%s: %lu KiB of RAM from 0x%lx", vm->label, vm->ram_size >> 10, (u64)GUEST_RAM_BASE);
    spin_lock(&vm->lock);                /* no table goes away */
    table(&w, vm->gstage_root, features.gstage_levels - 1, 0);
    put(&w);
    balloon(&w, vm);
    spin_unlock(&vm->lock);
    if (w.lines > MAX_LINES)
        say(a, "  and %u more", w.lines - MAX_LINES);
    return NULL;
}

const struct verb map_verbs[] = {{"map", "VM", "its memory: guest to host addresses, permissions", ONE_VM, map}, {0}};
