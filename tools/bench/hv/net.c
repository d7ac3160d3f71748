/* virtio-net throughput: boot arguments "role=send|receive n=FRAMES". Frames of 1514 bytes go from one guest to the
 * other in bursts; after each the receiver gives one small frame back, and the sender is never more than two bursts
 * ahead. Every frame carries its number: none may be lost or come in another order. */
#include "arguments.h"
#include "plic.h"
#include "virtio.h"

enum { RECEIVE = 0, TRANSMIT = 1, FRAME = 1514, SMALL = 60, BURST = 8, ETHERTYPE = 0x88b5, NO_NOTIFY = 1 };
enum kind { HELLO, DATA, ACK };
#define NET_F_MAC (1ul << 5)

struct packet {
    struct { u8 flags, gso_type; u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers; } header;
    u8 to[6], from[6], type[2], kind[2]; /* 16 bytes, then the number */
    u8 number[8];
    u8 rest[1524 - 24];
};

static u64 device, tick_rate;
static u32 irq;
static struct virtq rx, tx;
static struct packet incoming[QUEUE_SIZE], outgoing[QUEUE_SIZE];
static u16 rx_seen, tx_next;
static u8 mac[6], peer[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static void offer(struct virtq *queue, u16 head)
{
    queue->avail.ring[queue->avail.index % QUEUE_SIZE] = head;
    fence();
    *(volatile u16 *)&queue->avail.index = queue->avail.index + 1;
}

static void notify(struct virtq *queue, u32 number)
{
    fence();
    if (!(*(volatile u16 *)&queue->used.flags & NO_NOTIFY))
        write32(device + VIRTIO_QUEUE_NOTIFY, number);
}

/* With sstatus.SIE = 0 an interrupt ends WFI and is then found pending, but does not trap. */
static void sleep(u64 until)
{
    sbi_set_timer(until);
    wfi();
    u32 claimed = plic_claim();
    if (claimed == irq)
        write32(device + VIRTIO_INTERRUPT_ACK, read32(device + VIRTIO_INTERRUPT_STATUS));
    if (claimed)
        plic_complete(claimed);
}

/* Puts a frame into the ring; the caller notifies. Waits while all descriptors are in use. */
static void queue_frame(enum kind kind, u64 number, u32 length)
{
    while ((u16)(tx_next - *(volatile u16 *)&tx.used.index) >= QUEUE_SIZE) {
        notify(&tx, TRANSMIT);
        cpu_relax();
    }
    u16 slot = tx_next++ % QUEUE_SIZE;
    struct packet *p = &outgoing[slot];
    memcpy(p->to, peer, 6);
    memcpy(p->from, mac, 6);
    p->type[0] = ETHERTYPE >> 8;
    p->type[1] = ETHERTYPE & 0xff;
    p->kind[1] = (u8)kind;
    memcpy(p->number, &number, 8);
    tx.desc[slot] = (struct virtq_desc){ (u64)p, sizeof p->header + length, 0, 0 };
    offer(&tx, slot);
}

/* Takes the next frame of that kind, if one comes within that many ticks; its number is stored. */
static bool take(enum kind kind, u32 length, u64 *number, u64 patience)
{
    for (u64 end = read_time() + patience; read_time() < end; sleep(end)) {
        while (*(volatile u16 *)&rx.used.index != rx_seen) {
            fence();
            u32 id = rx.used.ring[rx_seen % QUEUE_SIZE].id, got = rx.used.ring[rx_seen % QUEUE_SIZE].length;
            rx_seen++;
            struct packet *p = &incoming[id % QUEUE_SIZE];
            bool wanted = got == sizeof p->header + length && p->type[0] == ETHERTYPE >> 8 && p->kind[1] == kind;
            if (wanted) {
                memcpy(number, p->number, 8);
                memcpy(peer, p->from, 6);
            }
            offer(&rx, (u16)(id % QUEUE_SIZE));
            if (rx_seen % BURST == 0)
                notify(&rx, RECEIVE);
            if (wanted)
                return true;
        }
    }
    return false;
}

static void send_all(u64 n)
{
    u64 number = 0, acknowledged = 0;
    do { /* until the other is up */
        queue_frame(HELLO, n, SMALL);
        notify(&tx, TRANSMIT);
    } while (!take(ACK, SMALL, &number, tick_rate / 100));
    for (u64 sent = 0; acknowledged < n;) {
        for (; sent < n && sent < acknowledged + 2 * BURST; sent++)
            queue_frame(DATA, sent, FRAME);
        notify(&tx, TRANSMIT);
        if (!take(ACK, SMALL, &number, 5 * tick_rate))
            fail("no answer after %lu of %lu frames", acknowledged, n);
        if (number > acknowledged)
            acknowledged = number;
    }
}

static void receive_all(u64 n)
{
    u64 number;
    for (int patience = 30; !take(HELLO, SMALL, &number, tick_rate); patience--)
        if (!patience)
            fail("nobody sends");
    queue_frame(ACK, 0, SMALL);
    notify(&tx, TRANSMIT);
    for (u64 received = 0; received < n;) {
        if (!take(DATA, FRAME, &number, 5 * tick_rate) || number != received)
            fail("frame %lu did not come", received);
        received++;
        if (received % BURST == 0 || received == n) {
            queue_frame(ACK, received, SMALL);
            notify(&tx, TRANSMIT);
        }
    }
}

bool guest_main(u64 hart, const void *dtb)
{
    const char *role = argument(dtb, "role=");
    u64 n = number_argument(dtb, "n="), features;

    tick_rate = fdt_u32(dtb, fdt_path(dtb, "/cpus"), "timebase-frequency", 10000000);
    device = virtio_find(dtb, VIRTIO_ID_NET, &irq);
    if (!role || !device || !virtio_begin(device, NET_F_MAC, &features) || !(features & NET_F_MAC) ||
        !virtio_set_queue(device, RECEIVE, &rx) || !virtio_set_queue(device, TRANSMIT, &tx))
        fail("no role or no network card");
    for (int i = 0; i < 6; i++)
        mac[i] = read8(device + VIRTIO_CONFIG + i);
    tx.avail.flags = 1; /* no interrupt for what has gone */
    plic_init(dtb, hart);
    plic_enable(irq);
    CSR_SET(sie, 1 << IRQ_EXTERNAL | 1 << IRQ_TIMER);
    virtio_ready(device);
    for (u16 i = 0; i < QUEUE_SIZE; i++) {
        rx.desc[i] = (struct virtq_desc){ (u64)&incoming[i], sizeof incoming[i], DESC_WRITE, 0 };
        offer(&rx, i);
    }
    notify(&rx, RECEIVE);
    if (*role == 's')
        send_all(n);
    else
        receive_all(n);
    printf("bench: ok\n");
    return true;
}
