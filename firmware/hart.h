/* A hart of the machine, and what all of them can do. */
#ifndef HART_H
#define HART_H
#include "platform.h"
#include "riscv.h"

struct vcpu;

/* Deadlines from here on, 228 years at 10 MHz, do not come. A guest's are cut to this: by the manual all ones
   would do, but some machines' timers, QEMU 7.2's among them, overflow in nanoseconds there and fire at once. */
#define TIME_NEVER (1ull << 56)

struct hart {
    u64 guard;                       /* where hs_trap resumes while a guarded access is under way, or 0 */
    u64 stack_top;
    u64 id;
    u32 index;
    u32 intc_phandle;
    u64 armed;                       /* deadline that this hart's timer is set to */
    u64 gstage_epoch[MAX_VMS];       /* how far this hart's translations of each VM are up to date */
    struct vcpu *vector_owner;       /* whose vector state its registers hold, if that is known; NULL: after a reset */
    bool vector_known;
    struct vcpu *last_vcpu[MAX_VMS]; /* of each VM, who ran here last and may be in the TLB */
} __attribute__((aligned(64)));

struct features {
    bool sstc;
    bool stateen;
    u64 henvcfg;                     /* the bits of henvcfg that guests get */
    u64 fwft;                        /* sbi/fwft.c: which more they may ask for */
    bool has_henvcfg;
    bool counters;                   /* cycle and instret can be read */
    u32 gstage_levels;               /* 3 Sv39x4, 4 Sv48x4, 5 Sv57x4 */
    u64 hgatp_mode;
    u32 vmid_bits;
    u64 vlenb;                       /* bytes of a vector register, 0 without vectors */
};

extern struct hart harts[MAX_HARTS];
extern u32 hart_count;
extern struct features features;

/* The hart that runs this code. */
static inline struct hart *this_hart(void)
{
    struct hart *h;
    __asm__("mv %0, tp" : "=r"(h));
    return h;
}

/* Finds out what the hart offers, by WARL reads. Once, on the boot hart. NULL, or what it lacks. */
const char *hart_probe(void);
/* Sets the HS-level controls of this hart: delegation, counters, environment, interrupt enables. */
void hart_init(void);
/* Who gets a guest's exceptions on this hart: itself, as ever, or the hypervisor. */
void hart_delegate(bool to_guest);
/* Gives every other hart a stack, before the VMs take the memory. */
void harts_prepare(void);
/* Starts every other hart through SBI HSM. */
void harts_start(void);
/* Sets this hart's timer interrupt to `deadline` (time; FOREVER: none). */
void hart_arm_timer(u64 deadline);
void hart_kick(struct hart *h);

/* Guarded accesses of trap.S: 0, or the scause of the trap they met, with htval and htinst as it left them. Those
   to guest memory are made as the guest that has just come out would make them. */
int guest_fetch16(u64 gva, u64 *value);
int guest_load8(u64 gva, u64 *value);
int guest_load16(u64 gva, u64 *value);
int guest_load32(u64 gva, u64 *value);
int guest_store8(u64 gva, u64 *value);
int guest_store16(u64 gva, u64 *value);
int guest_store32(u64 gva, u64 *value);
int guest_load64(u64 gva, u64 *value);
int probe_hgatp(u64 unused, u64 *value);
int probe_henvcfg(u64 unused, u64 *value);
int probe_hstateen0(u64 unused, u64 *value);
int probe_stimecmp(u64 unused, u64 *value);
int probe_time(u64 unused, u64 *value);
int probe_cycle(u64 unused, u64 *value);
int probe_instret(u64 unused, u64 *value);
int probe_vlenb(u64 unused, u64 *value);

/* Ends the machine: a bug in the hypervisor itself. */
void hs_panic(u64 scause, u64 sepc, u64 stval) __attribute__((noreturn));
#endif
