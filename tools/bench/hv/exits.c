/* One cause of exits, n times: boot arguments "cause=NAME n=COUNT". With n=0 all but the repetitions is done,
 * so the difference of two runs is what the repetitions cost. */
#include "arguments.h"
#include "virtio.h"

enum { CHUNK = 2 << 20, PLIC_PRIORITY = 4, UART_LSR = 5, UART_SCR = 7 };

static u64 plic, uart, console;
static u32 ticks, pings, pongs;
static u64 boot_hart, other_hart;
static u8 other_stack[4096] __attribute__((aligned(16)));

/* Only the timer traps: an IPI is waited for with sstatus.SIE = 0. */
struct trap_frame *trap_handler(struct trap_frame *frame)
{
    if (frame->scause != (CAUSE_INTERRUPT | IRQ_TIMER))
        unexpected_trap(frame);
    CSR_WRITE(stimecmp, ~0ul);
    ticks++;
    return frame;
}

static void base_call(u64 n)
{
    while (n--)
        sbi_call(SBI_BASE, 0, 0, 0, 0, 0, 0);
}

static void set_timer(u64 n)
{
    while (n--)
        sbi_set_timer(~0ul);
}

/* WFI may not wait while an enabled interrupt is pending, whatever sstatus.SIE says (privileged manual). */
static void wfi_pending(u64 n)
{
    CSR_SET(sie, 1 << IRQ_SOFT);
    CSR_SET(sip, 1 << IRQ_SOFT);
    while (n--)
        wfi();
    CSR_CLEAR(sip, 1 << IRQ_SOFT);
    CSR_CLEAR(sie, 1 << IRQ_SOFT);
}

/* The deadline is over when it is set. With Sstc the interrupt goes to the guest without the hypervisor. */
static void timer_direct(u64 n)
{
    CSR_SET(sie, 1 << IRQ_TIMER);
    CSR_SET(sstatus, SSTATUS_SIE);
    for (u32 i = 0; i < n; i++) {
        CSR_WRITE(stimecmp, 0);
        while (__atomic_load_n(&ticks, __ATOMIC_RELAXED) == i)
            ;
    }
}

/* The vCPU waits 20 us in WFI; the hypervisor has to wake it. */
static void timer_wait(u64 n)
{
    u64 ticks_to_wait = 200;
    CSR_SET(sie, 1 << IRQ_TIMER);
    for (u32 i = 0; i < n; i++) {
        CSR_WRITE(stimecmp, read_time() + ticks_to_wait);
        while (__atomic_load_n(&ticks, __ATOMIC_RELAXED) == i) {
            wfi();
            CSR_SET(sstatus, SSTATUS_SIE);
            CSR_CLEAR(sstatus, SSTATUS_SIE);
        }
    }
}

static void plic_load(u64 n)
{
    while (n--)
        read32(plic + PLIC_PRIORITY);
}

static void plic_store(u64 n)
{
    while (n--)
        write32(plic + PLIC_PRIORITY, 1);
}

static void uart_load(u64 n)
{
    while (n--)
        read8(uart + UART_LSR);
}

static void uart_store(u64 n)
{
    while (n--)
        write8(uart + UART_SCR, 0x55);
}

static void virtio_load(u64 n)
{
    while (n--)
        read32(console + VIRTIO_MAGIC);
}

static void virtio_store(u64 n)
{
    while (n--)
        write32(console + VIRTIO_QUEUE_SEL, 0);
}

/* The hypervisor maps 2 MiB at a first touch. */
static void touch(u64 n)
{
    u64 first = ((u64)__image_end + 2 * CHUNK - 1) & ~(u64)(CHUNK - 1);
    for (u64 i = 0; i < n; i++)
        *(volatile u64 *)(first + i * CHUNK) = i;
}

/* Waits with sstatus.SIE = 0: the interrupt ends WFI and stays pending until it is cleared here. */
static void await_ipi(const u32 *count, u32 wanted)
{
    while (__atomic_load_n(count, __ATOMIC_ACQUIRE) != wanted) {
        wfi();
        CSR_CLEAR(sip, 1 << IRQ_SOFT);
    }
}

void secondary_main(u64 hart)
{
    (void)hart;
    CSR_SET(sie, 1 << IRQ_SOFT);
    __atomic_store_n(&pongs, 1, __ATOMIC_RELEASE);
    for (u32 i = 1;; i++) {
        await_ipi(&pings, i);
        __atomic_store_n(&pongs, i + 1, __ATOMIC_RELEASE);
        sbi_send_ipi(1, boot_hart);
    }
}

/* To the other hart and back; both wait in WFI. */
static void ipi(u64 n)
{
    CSR_SET(sie, 1 << IRQ_SOFT);
    if (sbi_hart_start(other_hart, (u64)secondary_start, (u64)(other_stack + sizeof other_stack)).error)
        fail("hart %lu does not start", other_hart);
    while (__atomic_load_n(&pongs, __ATOMIC_ACQUIRE) != 1)
        cpu_relax();
    for (u32 i = 1; i <= n; i++) {
        __atomic_store_n(&pings, i, __ATOMIC_RELEASE);
        sbi_send_ipi(1, other_hart);
        await_ipi(&pongs, i + 1);
    }
}

static const struct reason {
    const char *name;
    void (*run)(u64 n);
} causes[] = {
    { "sbi", base_call },           { "set-timer", set_timer },       { "wfi", wfi_pending },
    { "plic-load", plic_load },     { "plic-store", plic_store },     { "uart-load", uart_load },
    { "uart-store", uart_store },   { "virtio-load", virtio_load },   { "virtio-store", virtio_store },
    { "touch", touch },             { "timer", timer_direct },        { "timer-wfi", timer_wait },
    { "ipi", ipi },
};

bool guest_main(u64 hart, const void *dtb)
{
    const char *wanted = argument(dtb, "cause=");
    u64 n = number_argument(dtb, "n="), harts[2];
    u32 irq;

    boot_hart = hart;
    if (fdt_harts(dtb, harts, 2) == 2)
        other_hart = harts[0] == hart ? harts[1] : harts[0];
    console = virtio_find(dtb, VIRTIO_ID_CONSOLE, &irq);
    if (!console || !fdt_reg(dtb, fdt_compatible(dtb, -1, "ns16550a"), &uart, NULL) ||
        !(fdt_reg(dtb, fdt_compatible(dtb, -1, "riscv,plic0"), &plic, NULL) ||
          fdt_reg(dtb, fdt_compatible(dtb, -1, "sifive,plic-1.0.0"), &plic, NULL)))
        fail("there is no UART, PLIC or virtio console");
    for (size_t i = 0; wanted && i < sizeof causes / sizeof causes[0]; i++)
        if (strlen(causes[i].name) == strcspn(wanted, " ") &&
            strncmp(causes[i].name, wanted, strlen(causes[i].name)) == 0) {
            causes[i].run(n);
            printf("bench: ok\n");
            return true;
        }
    fail("the boot arguments name no cause");
}
