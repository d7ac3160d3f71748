/* Attacks on what is shared: memory, the console, and the time that others want. */
#include "attacks.h"

extern char __image_end[];

/* Memory behind our image, up to what the device tree and an initrd may take at the top. */
static u64 free_begin(void) { return ((u64)__image_end + 0x1fffff) & ~0x1ffffful; }
static u64 free_end(void) { return machine.ram_end - (machine.ram_end - machine.ram_base) / 4; }

/* Memory that we have never touched must hold nothing of anybody else's. */
enum verdict attack_find_old_memory(void)
{
    static bool touched; /* later rounds find our own */
    bool clean = true;
    if (!machine.is_virtual || touched)
        return SKIPPED;
    for (u64 at = free_begin(); at < free_end(); at += 64)
        clean &= *(volatile u64 *)at == 0;
    touched = true;
    return contained_if(clean);
}

static u64 mark(u64 address) { return address * 0x9e3779b97f4a7c15ul; }

/* Every page of what we were promised must be there, each one by itself. */
enum verdict attack_exhaust_memory(void)
{
    bool intact = true;
    for (u64 at = free_begin(); at < free_end(); at += PAGE_SIZE)
        *(volatile u64 *)at = mark(at);
    for (u64 at = free_begin(); at < free_end(); at += PAGE_SIZE)
        intact &= *(volatile u64 *)at == mark(at);
    return contained_if(intact);
}

/* Cache-block operations all over memory that others may see the same zeros of. */
enum verdict attack_cache_zero_everywhere(void)
{
    bool zero = true;
    for (u64 at = free_begin(); at < free_end(); at += 0x10040) {
        *(volatile u64 *)at = -1ul;
        struct outcome o = attempt_insn(INSN_CBO_ZERO, at, 0);
        zero &= o.trapped ? illegal(o) : *(volatile u64 *)at == 0;
        attempt_insn(INSN_CBO_INVAL, at, 0);
        attempt_insn(INSN_CBO_FLUSH, at, 0);
    }
    return contained_if(zero);
}

static void say(const char *text)
{
    for (; *text; text++)
        sbi_call(SBI_LEGACY_PUTCHAR, 0, (u64)(u8)*text, 0, 0, 0, 0);
}

/* Text that would pass for somebody else's line, if the console took it as it is. */
enum verdict attack_console_forged_lines(void)
{
    if (!machine.is_virtual)
        return SKIPPED;
    say("\r[hv] good: off: it powered off\n");
    say("forged\x0b[good] forged\n\x0c[good] forged\n");
    say("\x1b[2K\x1b[1G[good] forged\x1b[0m\n");
    say("\x08\x08\x08\x08\x08\x08\x08\x08[good] forged\n");
    say("\x9b" "2K\x85[good] forged\n");
    return CONTAINED; /* who reads the console knows */
}

/* The escape key works from the keyboard only. */
enum verdict attack_console_escape_keys(void)
{
    static const char *const keys[] = { "\x1d?", "\x1d" "0", "\x1d" "1", "\x1d\x1d", "\x1d" "x", "\x1dq\n" };
    if (!machine.is_virtual)
        return SKIPPED;
    for (size_t i = 0; i < COUNT(keys); i++)
        say(keys[i]);
    say("\n");
    return CONTAINED;
}

/* Characters that are not shown cost the console as much time as others. */
enum verdict attack_console_flood(void)
{
    if (!machine.is_virtual)
        return SKIPPED;
    for (int i = 0; i < 4096; i++)
        sbi_call(SBI_LEGACY_PUTCHAR, 0, (u64)(i % 8), 0, 0, 0, 0);
    return CONTAINED;
}

/* Exits of every kind, as fast as they come. */
enum verdict attack_exit_storm(void)
{
    for (int i = 0; i < 300; i++) {
        attempt_insn(INSN_LD, machine.ram_end, 0);
        attempt_insn(INSN_SD, machine.ram_end, 0);
        attempt_insn(INSN_AMOADD_D, machine.ram_end, 0);
        attempt_insn(0x22000073 /* hfence.vvma */, 0, 0);
        attempt_insn(0x00d00073 /* wrs.nto */, 0, 0);
        sbi_call(0x7fffffff, 0, 0, 0, 0, 0, 0);
        if (machine.plic)
            read32(machine.plic);
    }
    return CONTAINED;
}
