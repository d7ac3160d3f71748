/* Driver of the machine's first virtio entropy source (virtio 1.2, 5.4): one request at a time, waited for. */
#include "drivers/drivers.h"
#include "drivers/virtio.h"
#include "console.h"
#include "hart.h"
#include "platform.h"

enum { POOL = 256, PATIENCE_MS = 20 };

static struct {
    u64 base;                                /* 0: there is none */
    struct spinlock lock;
    struct driver_queue queue;
    bool asked;                              /* a request is under way that nobody has waited for to the end */
    u8 pool[POOL];
} rng;

/* Asks for a pool full and waits a while for it. Returns how many bytes came. */
static u32 refill(void)
{
    u64 deadline = rdtime() + platform.timebase / 1000 * PATIENCE_MS;
    u32 head, length = 0;

    if (!rng.asked) {
        rng.queue.desc[0] = (struct desc){(u64)rng.pool, POOL, DESC_WRITE, 0};
        virtio_offer(rng.base, 0, &rng.queue, 0);
        rng.asked = true;
    }
    while (rng.asked && rdtime() < deadline)
        rng.asked = !virtio_completed(&rng.queue, &head, &length);
    return rng.asked ? 0 : (u32)min_u64(length, POOL);
}

u32 rng_take(void *to, u32 n)
{
    u32 done = 0, came = 1;

    spin_lock(&rng.lock);
    while (done < n && came) {
        came = (u32)min_u64(refill(), n - done);
        memcpy((u8 *)to + done, rng.pool, came);
        memset(rng.pool, 0, POOL);           /* no byte is given out twice */
        done += came;
    }
    spin_unlock(&rng.lock);
    return done;
}

bool rng_present(void) { return rng.base; }

void rng_init(void)
{
    u32 accepted;

    for (u32 i = 0; i < platform.virtio_count && !rng.base; i++) {
        u64 base = platform.virtio[i].base;
        if (!virtio_probe(base, VIRTIO_ID_RNG, "entropy source") || !virtio_begin(base, 0, &accepted) ||
            !virtio_queue(base, 0, &rng.queue))
            continue;
        virtio_start(base);
        rng.queue.avail.flags = AVAIL_NO_INTERRUPT;
        rng.base = base;
    }
}
