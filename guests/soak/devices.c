/* External interrupts: the UART's transmitter in loopback, and the virtio console that is given nothing to
 * print. They go through the PLIC to one hart, whose context is at times closed when they begin. */
#include "plic.h"
#include "soak.h"
#include "virtio.h"

enum { THR = 0, IER = 1, IIR = 2, MCR = 4, IER_THRE = 2, MCR_OUT2_LOOP = 0x18, IIR_CAUSE = 0xf, IIR_THRE = 2 };
enum { TRANSMIT = 1, GATES = 4 };

static u64 uart, console;
static u32 uart_irq, console_irq;
static struct virtq queues[2];
static u16 seen_used;

static u64 context(u64 hart) { return 2 * hart_ids[hart] + 1; }
static u64 enable_word(u64 hart) { return plic_base + 0x2000 + 0x80 * context(hart); }
static u64 threshold(u64 hart) { return plic_base + 0x200000 + 0x1000 * context(hart); }
static u64 claim(u64 hart) { return threshold(hart) + 4; }
static u64 priority(u32 irq) { return plic_base + 4 * irq; }
static u32 enabled_bits(void) { return (has_uart() ? 1u << uart_irq : 0) | (console ? 1u << console_irq : 0); }

bool has_uart(void) { return uart != 0; }
bool has_virtio(void) { return console != 0; }

bool devices_init(const void *dtb)
{
    u64 accepted;
    plic_init(dtb, 0);
    int node = fdt_compatible(dtb, -1, "ns16550a");
    if (!plic_base || !fdt_reg(dtb, node, &uart, NULL))
        return false;
    uart_irq = fdt_u32(dtb, node, "interrupts", 0);
    /* An empty transmitter interrupts as soon as it may: this first one is not counted. */
    write8(uart + MCR, MCR_OUT2_LOOP);
    write32(priority(uart_irq), 1);
    write32(enable_word(0), 1u << uart_irq);
    write8(uart + IER, IER_THRE);
    (void)read8(uart + IIR);
    write32(claim(0), read32(claim(0)));
    console = virtio_find(dtb, VIRTIO_ID_CONSOLE, &console_irq);
    if (!console)
        return true;
    if (!virtio_begin(console, 0, &accepted) || !virtio_set_queue(console, 0, &queues[0]) ||
        !virtio_set_queue(console, TRANSMIT, &queues[TRANSMIT]))
        return false;
    queues[TRANSMIT].desc[0] = (struct virtq_desc){ (u64)queues, 0, 0, 0 };
    virtio_ready(console);
    return true;
}

void devices_route(void)
{
    for (u64 hart = 0; hart < harts; hart++) {
        write32(enable_word(hart), hart == taker ? enabled_bits() : 0);
        write32(threshold(hart), 0);
    }
    write32(priority(uart_irq), 1);
    if (console)
        write32(priority(console_irq), 2);
}

/* Shuts the taker's context, by one of the three registers that can, or opens it again. */
static void gate(u64 which, u32 irq, bool open)
{
    if (which == 1)
        write32(threshold(taker), open ? 0 : 7);
    else if (which == 2)
        write32(enable_word(taker), open ? enabled_bits() : enabled_bits() & ~(1u << irq));
    else if (which == 3)
        write32(priority(irq), open ? 3 : 0);
}

/* A gate concerns both devices, so it is used only while the other one is quiet. */
static u64 gate_for(u64 turn, enum kind other)
{
    const struct account *a = &accounts[self()][other];
    bool quiet = a->asked == __atomic_load_n(&a->taken, __ATOMIC_ACQUIRE);
    return quiet && turn % 8 < GATES ? turn % 8 : 0;
}

void ask_uart(u64 turn)
{
    u64 which = gate_for(turn, VIRTIO);
    gate(which, uart_irq, false);
    write8(uart + THR, 0);
    gate(which, uart_irq, true);
}

void ask_virtio(u64 turn)
{
    struct virtq *q = &queues[TRANSMIT];
    u64 which = gate_for(turn, UART);
    gate(which, console_irq, false);
    q->avail.ring[q->avail.index % QUEUE_SIZE] = 0;
    __atomic_store_n(&q->avail.index, (u16)(q->avail.index + 1), __ATOMIC_RELEASE);
    fence();
    write32(console + VIRTIO_QUEUE_NOTIFY, TRANSMIT);
    gate(which, console_irq, true);
}

void devices_quiet(void)
{
    if (!uart)
        return;
    write8(uart + IER, 0);
    write8(uart + MCR, 0x08);
}

/* True if it was the transmitter; reading IIR takes its interrupt back. */
static bool uart_service(void)
{
    return (read8(uart + IIR) & IIR_CAUSE) == IIR_THRE;
}

static bool virtio_service(void)
{
    write32(console + VIRTIO_INTERRUPT_ACK, read32(console + VIRTIO_INTERRUPT_STATUS));
    u16 used = __atomic_load_n(&queues[TRANSMIT].used.index, __ATOMIC_ACQUIRE);
    bool came = used == (u16)(seen_used + 1);
    seen_used = used;
    return came;
}

/* A claim may find nothing, or a device that has nothing to say: a request stays when its level drops, and the line
 * is up for as long as a hypervisor needs to see that it is not. */
void external_interrupt(void)
{
    u32 irq = read32(claim(self()));
    bool is_uart = irq == uart_irq;
    if (irq == 0)
        return;
    if (!is_uart && irq != console_irq)
        FAIL("interrupt of source %u, which nobody enabled", irq);
    bool came = is_uart ? uart_service() : virtio_service();
    write32(claim(self()), irq);
    if (came)
        taken(owner, is_uart ? UART : VIRTIO);
}
