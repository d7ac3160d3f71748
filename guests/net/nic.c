/* Driver of the network card: queue 0 holds buffers for what comes, queue 1 one frame that goes. */
#include "nic.h"
#include "guest.h"
#include "plic.h"
#include "virtio.h"

enum { RECEIVE = 0, TRANSMIT = 1 };
/* What a buffer holds, header and frame (5.1.6.3.1); with merging less does. */
enum { BUFFER = 1536, LARGE_BUFFER = 65568, MERGED_BUFFER = 5120 };

struct packet {
    struct nic_header header;
    u8 frame[LARGE_BUFFER - sizeof(struct nic_header)];
};

u8 nic_mac[MAC_LENGTH];
static u64 device;
static u32 irq;
static struct virtq rx, tx;
static struct packet incoming[QUEUE_SIZE], outgoing;
static u32 buffer_size = BUFFER;
static u16 rx_seen, tx_seen;
static bool merged;
u32 nic_most_buffers;

/* Makes descriptor `head` available; the fences keep descriptor, index and notification in order. */
static void offer(struct virtq *queue, u32 number, u16 head)
{
    queue->avail.ring[queue->avail.index % QUEUE_SIZE] = head;
    fence();
    *(volatile u16 *)&queue->avail.index = queue->avail.index + 1;
    fence();
    write32(device + VIRTIO_QUEUE_NOTIFY, number);
}

bool nic_init(const void *dtb, u64 hart, u64 wanted)
{
    u64 features;
    device = virtio_find(dtb, VIRTIO_ID_NET, &irq);
    if (!device || !virtio_begin(device, wanted | NET_F_MAC, &features) ||
        (features & (wanted | NET_F_MAC)) != (wanted | NET_F_MAC) ||
        !virtio_set_queue(device, RECEIVE, &rx) || !virtio_set_queue(device, TRANSMIT, &tx))
        return false;
    for (int i = 0; i < MAC_LENGTH; i++)
        nic_mac[i] = read8(device + VIRTIO_CONFIG + i);
    merged = wanted & NET_F_MRG_RXBUF;
    if (wanted & (NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6))
        buffer_size = merged ? MERGED_BUFFER : LARGE_BUFFER;
    tx.avail.flags = 1; /* no interrupt for what has gone */
    plic_init(dtb, hart);
    plic_enable(irq);
    virtio_ready(device);
    for (u16 i = 0; i < QUEUE_SIZE; i++) {
        rx.desc[i] = (struct virtq_desc){ (u64)&incoming[i], buffer_size, DESC_WRITE, 0 };
        offer(&rx, RECEIVE, i);
    }
    return true;
}

void nic_send(const struct nic_header *header, const void *frame, u32 length)
{
    outgoing.header = *header;
    memcpy(outgoing.frame, frame, length);
    tx.desc[0] = (struct virtq_desc){ (u64)&outgoing, sizeof outgoing.header + length, 0, 0 };
    offer(&tx, TRANSMIT, 0);
    while (*(volatile u16 *)&tx.used.index == tx_seen)
        cpu_relax();
    tx_seen++;
}

/* One buffer of a frame: copies what is in it behind the header, if it begins with one, and gives it back. */
static u32 take(u8 *to, u32 room, u32 header)
{
    fence();
    u32 id = rx.used.ring[rx_seen % QUEUE_SIZE].id, length = rx.used.ring[rx_seen % QUEUE_SIZE].length;
    if (id >= QUEUE_SIZE || length <= header || length > buffer_size || length - header > room)
        fail("the card returned descriptor %u with %u bytes", id, length);
    memcpy(to, (u8 *)&incoming[id] + header, length - header);
    rx_seen++;
    offer(&rx, RECEIVE, (u16)id);
    return length - header;
}

u32 nic_receive(struct nic_header *header, u8 frame[LARGE_MAX])
{
    if (*(volatile u16 *)&rx.used.index == rx_seen)
        return 0;
    fence();
    *header = incoming[rx.used.ring[rx_seen % QUEUE_SIZE].id % QUEUE_SIZE].header;
    u16 there = (u16)(*(volatile u16 *)&rx.used.index - rx_seen), buffers = header->num_buffers;
    if (buffers == 0 || buffers > there || (buffers > 1 && !merged))
        fail("the card returned a frame in %u buffers, of which %u are there", buffers, there);
    if (buffers > nic_most_buffers)
        nic_most_buffers = buffers;
    u32 length = take(frame, LARGE_MAX, sizeof *header);
    while (--buffers)
        length += take(frame + length, LARGE_MAX - length, 0);
    return length;
}

/* With sstatus.SIE = 0 an interrupt ends WFI and is then found pending, but does not trap. */
void nic_wait(u64 deadline)
{
    CSR_SET(sie, 1 << IRQ_EXTERNAL | 1 << IRQ_TIMER);
    sbi_set_timer(deadline);
    wfi();
    u32 claimed = plic_claim();
    if (claimed == irq)
        write32(device + VIRTIO_INTERRUPT_ACK, read32(device + VIRTIO_INTERRUPT_STATUS));
    if (claimed)
        plic_complete(claimed);
}
