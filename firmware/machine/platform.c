/* The machine as its device tree describes it: harts, RAM, CLINT, UART and test finisher. */
#include "fdt.h"
#include "machine.h"

struct platform platform;
static u32 console_owner;

enum { UART_DATA = 0, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_LSR = 5 };
enum { LSR_DATA_READY = 0x01, LSR_THRE = 0x20 };
enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };

static volatile u8 *uart(int reg) { return (volatile u8 *)(platform.uart + (u64)reg); }

void console_put(char c)
{
    while (platform.uart && !(*uart(UART_LSR) & LSR_THRE))
        ;
    if (platform.uart)
        *uart(UART_DATA) = (u8)c;
}

int console_get(void)
{
    return platform.uart && (*uart(UART_LSR) & LSR_DATA_READY) ? *uart(UART_DATA) : -1;
}

void console_lock(void)
{
    while (__atomic_exchange_n(&console_owner, 1, __ATOMIC_ACQUIRE))
        ;
}

void console_unlock(void) { __atomic_store_n(&console_owner, 0, __ATOMIC_RELEASE); }

void console_print(const char *text)
{
    while (*text)
        console_put(*text++);
}

void console_print_hex(u64 value)
{
    int shift = 60;
    console_print("0x");
    while (shift && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        console_put("0123456789abcdef"[value >> shift & 15]);
}

void console_print_decimal(u64 value)
{
    if (value >= 10)
        console_print_decimal(value / 10);
    console_put((char)('0' + value % 10));
}

/* Whether [address, address+size) is RAM that belongs to S-mode. */
bool ram_range(u64 address, u64 size)
{
    u64 start = platform.ram_base, end = start + platform.ram_size;
    return address >= start && address <= end && size <= end - address;
}

void machine_off(bool ok)
{
    if (platform.finisher)
        *(volatile u32 *)platform.finisher = ok ? FINISHER_PASS : FINISHER_FAIL | 1 << 16;
    for (;;)
        __asm__ volatile("wfi");
}

void machine_reboot(void)
{
    if (platform.finisher)
        *(volatile u32 *)platform.finisher = FINISHER_RESET;
    for (;;)
        __asm__ volatile("wfi");
}

static u64 device_address(const void *dtb, const char *compatible)
{
    u32 length;
    int node = fdt_compatible(dtb, compatible);
    const void *reg = node >= 0 ? fdt_property(dtb, node, "reg", &length) : NULL;
    return reg && length >= 16 ? fdt_cells(reg) : 0;
}

static u64 first_of(const void *dtb, const char *const *compatible)
{
    u64 address = 0;
    for (; *compatible && !address; compatible++)
        address = device_address(dtb, *compatible);
    return address;
}

static void read_cpu(const void *dtb, int node)
{
    u32 length;
    const char *status = fdt_property(dtb, node, "status", &length);
    const void *reg = fdt_property(dtb, node, "reg", &length);
    u32 id = reg && length >= 4 ? fdt_cell((const u8 *)reg + length - 4) : MAX_HARTS;
    if (id >= MAX_HARTS || (status && !text_equal(status, "okay") && !text_equal(status, "ok")))
        return;
    platform.harts |= 1ul << id;
    if (id < platform.boot_hart)
        platform.boot_hart = id;
}

/* Takes the firmware's own memory out of the tree's memory node: RAM now begins behind it, so that the
 * next stage needs no other knowledge of where the firmware is. */
static void read_memory(const void *dtb, int node)
{
    u32 length;
    u8 *reg = fdt_property(dtb, node, "reg", &length);
    u64 base = reg && length >= 16 ? fdt_cells(reg) : 0, size = base ? fdt_cells(reg + 8) : 0;
    if (FIRMWARE_BASE < base || FIRMWARE_BASE - base >= size)
        return;
    platform.ram_base = FIRMWARE_BASE + FIRMWARE_SIZE;
    platform.ram_size = base + size - platform.ram_base;
    fdt_store_cells(reg, platform.ram_base);
    fdt_store_cells(reg + 8, platform.ram_size);
}

/* Whether the extension name stands in the "riscv,isa" string or among the "riscv,isa-extensions". */
static bool has_extension(const void *dtb, int cpu, const char *name)
{
    static const char *const properties[] = { "riscv,isa", "riscv,isa-extensions" };
    for (int p = 0; p < 2; p++) {
        u32 length, matched = 0;
        const char *list = fdt_property(dtb, cpu, properties[p], &length);
        for (u32 i = 0, word = 0; list && i < length; i++) {
            bool separator = list[i] == '_' || list[i] == '\0';
            if (separator && matched == i - word && name[matched] == '\0' && matched)
                return true;
            if (separator)
                word = i + 1, matched = 0;
            else if (matched == i - word && name[matched] && list[i] == name[matched])
                matched++;
        }
    }
    return false;
}

void platform_init(void *dtb)
{
    static const char *const clints[] = { "sifive,clint0", "riscv,clint0", NULL };
    static const char *const uarts[] = { "ns16550a", "ns16550", NULL };
    static const char *const finishers[] = { "sifive,test1", "sifive,test0", NULL };
    u32 length;

    platform.boot_hart = MAX_HARTS;
    platform.next_stage = FIRMWARE_BASE + FIRMWARE_SIZE;
    if (!fdt_valid(dtb)) {
        platform.boot_hart = 0;
        platform.harts = 1;
        return;
    }
    for (int node = -1; (node = fdt_next(dtb, node)) >= 0;) {
        const char *type = fdt_property(dtb, node, "device_type", &length);
        const void *next = fdt_property(dtb, node, "rvh,next", &length);
        if (next && length == 8 && text_equal(fdt_name(dtb, node), "chosen"))
            platform.next_stage = fdt_cells(next);
        if (type && text_equal(type, "cpu"))
            read_cpu(dtb, node);
        if (type && text_equal(type, "cpu") && has_extension(dtb, node, "svadu"))
            platform.hardware_ad = !has_extension(dtb, node, "svade");
        if (type && text_equal(type, "memory"))
            read_memory(dtb, node);
    }
    platform.clint = first_of(dtb, clints);
    platform.uart = first_of(dtb, uarts);
    platform.finisher = first_of(dtb, finishers);
    if (platform.uart) {
        *uart(UART_IER) = 0;
        *uart(UART_LCR) = 3; /* 8 bits, no parity */
        *uart(UART_FCR) = 1; /* FIFOs on */
    }
}
