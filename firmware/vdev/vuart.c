/* vUART: a 16550 whose transmitter is always ready and whose receiver is the VM's input queue. */
#include "vm.h"

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { IER_RX = 1, IER_THRE = 2, IER_MASK = 0xf, LCR_DLAB = 0x80 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, MCR_LOOP = 0x10 };
enum { IIR_NONE = 1, IIR_THRE = 2, IIR_RX = 4, IIR_FIFO = 0xc0 };
enum { LSR_DR = 1, LSR_THRE = 0x20, LSR_TEMT = 0x40, MSR_CTS_DSR_DCD = 0xb0 };

static u8 iir(const struct vm *vm)
{
    const struct vuart *u = &vm->uart;

    if ((u->ier & IER_RX) && vm_input_ready(vm))
        return IIR_RX;
    return (u->ier & IER_THRE) && u->thre_pending ? IIR_THRE : IIR_NONE;
}

void vuart_update(struct vm *vm) { vplic_set(vm, VUART_IRQ, iir(vm) != IIR_NONE); }

static u8 read_rbr(struct vm *vm)
{
    int c = vm_input_take(vm);

    return c < 0 ? 0 : (u8)c;
}

/* Reading IIR while it names the transmitter takes that interrupt back. */
static u8 read_iir(struct vm *vm)
{
    u8 value = iir(vm);

    if (value == IIR_THRE)
        vm->uart.thre_pending = false;
    return value | (vm->uart.fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static bool vuart_read(struct vm *vm, u32 index, u64 offset, u32 size, u64 *value)
{
    struct vuart *u = &vm->uart;
    bool dlab = u->lcr & LCR_DLAB;

    (void)index, (void)size;
    switch (offset) {
    case RBR_THR: *value = dlab ? u->dll : read_rbr(vm); break;
    case IER: *value = dlab ? u->dlm : u->ier; break;
    case IIR_FCR: *value = read_iir(vm); break;
    case LCR: *value = u->lcr; break;
    case MCR: *value = u->mcr; break;
    case LSR: *value = LSR_THRE | LSR_TEMT | (vm_input_ready(vm) ? LSR_DR : 0); break;
    case MSR: *value = u->mcr & MCR_LOOP ? (u->mcr & 0xcu) << 4 | (u->mcr & 2u) << 3 | (u->mcr & 1u) << 5
                                         : MSR_CTS_DSR_DCD; break;
    case SCR: *value = u->scr; break;
    default: *value = 0;
    }
    vuart_update(vm);
    return true;
}

static bool vuart_write(struct vm *vm, u32 index, u64 offset, u32 size, u64 value)
{
    struct vuart *u = &vm->uart;
    u8 byte = (u8)value;
    bool dlab = u->lcr & LCR_DLAB;

    (void)index, (void)size;
    if (offset == RBR_THR && dlab) {
        u->dll = byte;
    } else if (offset == RBR_THR) {
        char c = (char)byte;
        if (!(u->mcr & MCR_LOOP))
            console_guest_write(vm, &c, 1);
        u->thre_pending = true;
    } else if (offset == IER && dlab) {
        u->dlm = byte;
    } else if (offset == IER) {
        /* Enabling the transmitter interrupt while it is empty raises it at once. */
        if (byte & ~u->ier & IER_THRE)
            u->thre_pending = true;
        u->ier = byte & IER_MASK;
    } else if (offset == IIR_FCR) {
        u->fcr = byte;
        while ((byte & FCR_CLEAR_RX) && vm_input_take(vm) >= 0)
            ;
    } else if (offset == LCR) {
        u->lcr = byte;
    } else if (offset == MCR) {
        u->mcr = byte & 0x1f;
    } else if (offset == SCR) {
        u->scr = byte;
    }
    vuart_update(vm);
    return true;
}

const struct vdev_ops vuart_ops = {"uart", vuart_read, vuart_write};
