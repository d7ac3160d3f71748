/* Driver of the network card: queue 0 holds buffers for what comes, queue 1 one frame that goes. */
#include "nic.h"
#include "guest.h"
#include "plic.h"
#include "virtio.h"

enum { RECEIVE = 0, TRANSMIT = 1 };
#define NET_F_MAC (1ul << 5)

struct packet {
    struct { u8 flags, gso_type; u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers; } header;
    u8 frame[1524]; /* header and frame: at least 1526 bytes (5.1.6.3.1) */
};

u8 nic_mac[MAC_LENGTH];
static u64 device;
static u32 irq;
static struct virtq rx, tx;
static struct packet incoming[QUEUE_SIZE], outgoing;
static u16 rx_seen, tx_seen;

/* Makes descriptor `head` available; the fences keep descriptor, index and notification in order. */
static void offer(struct virtq *queue, u32 number, u16 head)
{
    queue->avail.ring[queue->avail.index % QUEUE_SIZE] = head;
    fence();
    *(volatile u16 *)&queue->avail.index = queue->avail.index + 1;
    fence();
    write32(device + VIRTIO_QUEUE_NOTIFY, number);
}

bool nic_init(const void *dtb, u64 hart)
{
    u64 features;
    device = virtio_find(dtb, VIRTIO_ID_NET, &irq);
    if (!device || !virtio_begin(device, NET_F_MAC, &features) || !(features & NET_F_MAC) ||
        !virtio_set_queue(device, RECEIVE, &rx) || !virtio_set_queue(device, TRANSMIT, &tx))
        return false;
    for (int i = 0; i < MAC_LENGTH; i++)
        nic_mac[i] = read8(device + VIRTIO_CONFIG + i);
    tx.avail.flags = 1; /* no interrupt for what has gone */
    plic_init(dtb, hart);
    plic_enable(irq);
    virtio_ready(device);
    for (u16 i = 0; i < QUEUE_SIZE; i++) {
        rx.desc[i] = (struct virtq_desc){ (u64)&incoming[i], sizeof incoming[i], DESC_WRITE, 0 };
        offer(&rx, RECEIVE, i);
    }
    return true;
}

void nic_send(const void *frame, u32 length)
{
    memset(&outgoing.header, 0, sizeof outgoing.header);
    memcpy(outgoing.frame, frame, length);
    tx.desc[0] = (struct virtq_desc){ (u64)&outgoing, sizeof outgoing.header + length, 0, 0 };
    offer(&tx, TRANSMIT, 0);
    while (*(volatile u16 *)&tx.used.index == tx_seen)
        cpu_relax();
    tx_seen++;
}

u32 nic_receive(u8 frame[FRAME_MAX])
{
    if (*(volatile u16 *)&rx.used.index == rx_seen)
        return 0;
    fence();
    u32 id = rx.used.ring[rx_seen % QUEUE_SIZE].id, length = rx.used.ring[rx_seen % QUEUE_SIZE].length;
    if (id >= QUEUE_SIZE || length <= sizeof incoming[0].header || length > sizeof incoming[0])
        fail("the card returned descriptor %u with %u bytes", id, length);
    length -= sizeof incoming[0].header;
    length = length > FRAME_MAX ? FRAME_MAX : length;
    memcpy(frame, incoming[id].frame, length);
    rx_seen++;
    offer(&rx, RECEIVE, (u16)id);
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
