/* Sets one hart up for S-mode: who may access what, which traps go where, which extensions are open. */
#include "machine.h"

extern u8 hart_stacks[];

bool hart_exists(u64 id) { return id < MAX_HARTS && (platform.harts >> id & 1); }

struct hart *hart_at(u64 id) { return (struct hart *)(hart_stacks + (id + 1) * HART_STACK - 64); }
_Static_assert(sizeof(struct hart) <= 64, "entry.S leaves 64 bytes at the top of each stack");
_Static_assert(sizeof(struct frame) == 272, "FRAME_SIZE of entry.S");

/* A naturally aligned power-of-two region as pmpaddr holds it (privileged manual, NAPOT encoding). */
static u64 napot(u64 base, u64 size) { return base >> 2 | (size / 8 - 1); }

/* PMP entry 0 closes the firmware, entry 1 the CLINT, entry 2 opens the rest; M-mode is not bound by
 * unlocked entries, and the lowest matching entry decides. */
static void init_pmp(void)
{
    u64 closed = PMP_NAPOT, open = PMP_NAPOT | PMP_R | PMP_W | PMP_X;
    if (!CSR_TRY_WRITE(pmpaddr0, napot(FIRMWARE_BASE, FIRMWARE_SIZE)))
        return;
    CSR_WRITE(pmpaddr1, platform.clint ? napot(platform.clint, 0x10000) : 0);
    CSR_WRITE(pmpaddr2, -1ul);
    CSR_WRITE(pmpcfg0, closed | (platform.clint ? closed << 8 : 0) | open << 16);
    __asm__ volatile("sfence.vma" : : : "memory");
}

static void init_extensions(void)
{
    u64 envcfg = MENVCFG_STCE | MENVCFG_PBMTE | MENVCFG_CBIE_INVAL | MENVCFG_CBCFE | MENVCFG_CBZE;
    if (platform.hardware_ad)
        envcfg |= MENVCFG_ADUE;
    /* QEMU 7.2 keeps STCE even where stimecmp does not exist, so both are asked. */
    if (CSR_TRY_WRITE(menvcfg, envcfg) && (CSR_READ(menvcfg) & MENVCFG_STCE) && CSR_TRY_WRITE(stimecmp, -1ul))
        platform.has_sstc = true;
    if (CSR_TRY_WRITE(mstateen0, -1ul)) {
        CSR_WRITE(mstateen1, -1ul);
        CSR_WRITE(mstateen2, -1ul);
        CSR_WRITE(mstateen3, -1ul);
    }
    CSR_TRY_WRITE(0x744, MNSTATUS_NMIE); /* mnstatus: with Smrnmi no interrupt comes before this */
    if (CSR_READ(misa) & MISA_H)
        platform.has_h = true;
}

static void init_delegation(void)
{
    /* Everything goes to S-mode except its own environment calls, which are the SBI's calls. Bits of causes
     * that cannot be delegated are read-only zero. Two causes make a detour through redirect(): where they
     * are delegated to VS-mode, QEMU 7.2 takes their numbers for those of VSSI and VSTI and subtracts 1. */
    CSR_WRITE(medeleg, ~(1ul << CAUSE_ECALL_S | 1ul << CAUSE_ILLEGAL | 1ul << CAUSE_STORE_MISALIGNED));
    CSR_WRITE(mideleg, MIP_SUPERVISOR);
    CSR_WRITE(mie, MIP_MSIP);
    CSR_WRITE(mip, 0);
    CSR_TRY_WRITE(mcounteren, 0xffffffff);
    CSR_TRY_WRITE(mcountinhibit, 0);
}

/* Says in one line what there is; the next stage takes the console from here on. */
static void greet(void)
{
    console_lock();
    console_print("[sbi] ");
    console_print_decimal((u64)__builtin_popcountl(platform.harts));
    console_print(platform.harts & (platform.harts - 1) ? " harts, " : " hart, ");
    console_print_decimal(platform.ram_size >> 20);
    console_print(platform.has_h ? " MiB, H" : " MiB");
    console_print(platform.has_sstc ? ", Sstc; next stage at " : "; next stage at ");
    console_print_hex(platform.next_stage);
    console_print("\n");
    console_unlock();
}

/* Entered by every hart once the platform is known; stays in M-mode until there is work in S-mode. */
_Noreturn void hart_main(u64 id, u64 dtb)
{
    struct hart *hart = this_hart();
    init_pmp();
    init_extensions();
    init_delegation();
    CSR_WRITE(mstatus, MSTATUS_FS_INITIAL | MSTATUS_VS_INITIAL);
    hart->id = id;
    hart->events = 0;
    __atomic_store_n(&hart->state, HART_STOPPED, __ATOMIC_RELEASE);
    if (id == platform.boot_hart) {
        greet();
        hart->next_address = platform.next_stage;
        hart->next_opaque = dtb;
        __atomic_store_n(&hart->state, HART_START_PENDING, __ATOMIC_RELEASE);
    }
    hart_wait_for_start();
}
