/* timer: preemptive threads on Sv39 paging. Four threads compute in registers, integer and floating point,
 * and are interrupted by the timer wherever they are; results must be those of an undisturbed run. */
#include "guest.h"
#include "paging.h"

enum { WORKERS = 4, THREADS = WORKERS + 1, ROUNDS = 5, STEPS = 5000, PREEMPTIONS_PER_ROUND = 2 };

struct thread {
    struct trap_frame *frame; /* where the thread goes on */
    u64 fp[33];
    u32 preempted;            /* times the timer took the hart away */
};

struct result {
    u64 integer;
    double real;
};

static struct thread threads[THREADS]; /* the last one is guest_main itself */
static int current = WORKERS;
static u8 stack_memory[WORKERS][STACK_PAGES * PAGE_SIZE] __attribute__((aligned(4096)));
static struct result results[ROUNDS][WORKERS], undisturbed[ROUNDS][WORKERS];
static u32 finished_rounds[WORKERS];

static bool has_sstc;
static u64 slice, deadline, early_interrupts;
static u64 expected_fault, seen_fault; /* address that may fault next, cause that came */

void fp_save(u64 *area);
void fp_restore(const u64 *area);

static void set_deadline(u64 time)
{
    deadline = time;
    if (has_sstc)
        CSR_WRITE(stimecmp, time);
    else
        sbi_set_timer(time);
}

/* A thread's frame lies on its own stack; FP registers are saved only if they changed (sstatus.FS). */
static struct trap_frame *switch_from(struct trap_frame *frame)
{
    struct thread *old = &threads[current];
    old->frame = frame;
    if ((frame->sstatus & SSTATUS_FS) == SSTATUS_FS) {
        fp_save(old->fp);
        frame->sstatus = (frame->sstatus & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
    }
    current = (current + 1) % THREADS;
    fp_restore(threads[current].fp);
    return threads[current].frame;
}

struct trap_frame *trap_handler(struct trap_frame *frame)
{
    switch (frame->scause) {
    case CAUSE_INTERRUPT | IRQ_TIMER:
        if (read_time() < deadline)
            early_interrupts++;
        set_deadline(read_time() + slice);
        threads[current].preempted++;
        return switch_from(frame);
    case CAUSE_INTERRUPT | IRQ_SOFT: /* a thread gives up its slice */
        CSR_CLEAR(sip, 1 << IRQ_SOFT);
        return switch_from(frame);
    case CAUSE_LOAD_PAGE:
    case CAUSE_STORE_PAGE:
        if (frame->stval == expected_fault) {
            seen_fault = frame->scause;
            expected_fault = 0;
            frame->sepc += 4;
            return frame;
        }
    }
    unexpected_trap(frame);
}

/* sip.SSIP is the one interrupt that S-mode can raise for itself. */
static void yield(void) { CSR_SET(sip, 1 << IRQ_SOFT); }

/* A xorshift generator and a converging series: nothing here depends on when it is interrupted. */
static struct result compute(u64 seed)
{
    struct result r = { seed * 0x9e3779b97f4a7c15ul + 1, 0.0 };
    for (int i = 1; i <= STEPS; i++) {
        r.integer ^= r.integer << 13;
        r.integer ^= r.integer >> 7;
        r.integer ^= r.integer << 17;
        r.real += (double)(r.integer & 0xffff) / ((double)i * (double)i);
    }
    return r;
}

static void worker(u64 self)
{
    for (u64 round = 0; round < ROUNDS; round++) {
        u32 before = threads[self].preempted;
        results[round][self] = compute(round * WORKERS + self);
        while (*(volatile u32 *)&threads[self].preempted < before + PREEMPTIONS_PER_ROUND)
            ; /* never gives the hart up by itself: only the timer can */
        *(volatile u32 *)&finished_rounds[self] = (u32)round + 1;
        while (round + 1 < ROUNDS && *(volatile u32 *)&finished_rounds[(self + 1) % WORKERS] <= round)
            yield();
    }
    for (;;)
        yield();
}

static void create_thread(int n)
{
    u64 top = paging_map_stack(n, stack_memory[n]);
    /* The first frame is built by hand in the stack's memory, which is mapped 1:1 as well. */
    struct trap_frame *frame = (struct trap_frame *)(stack_memory[n] + sizeof stack_memory[n]) - 1;
    *frame = (struct trap_frame){ .sepc = (u64)worker };
    frame->x[2] = top;
    frame->x[10] = (u64)n;
    frame->sstatus = SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_FS_INITIAL;
    threads[n].frame = (struct trap_frame *)top - 1;
}

static bool faults(bool store, u64 address, u64 cause)
{
    expected_fault = address;
    seen_fault = 0;
    /* Not compressed: trap_handler steps over four bytes. */
    if (store)
        __asm__ volatile(".option push\n .option norvc\n sd zero, 0(%0)\n .option pop" : : "r"(address));
    else
        __asm__ volatile(".option push\n .option norvc\n ld zero, 0(%0)\n .option pop" : : "r"(address));
    return seen_fault == cause;
}

static bool same(struct result a, struct result b)
{
    return a.integer == b.integer && memcmp(&a.real, &b.real, sizeof a.real) == 0;
}

bool guest_main(u64 hart, const void *dtb)
{
    (void)hart;
    u64 uart = 0;
    int cpu = fdt_device_type(dtb, -1, "cpu");
    const char *isa = fdt_string(dtb, cpu, "riscv,isa");
    u32 timebase = fdt_u32(dtb, fdt_path(dtb, "/cpus"), "timebase-frequency", 10000000);
    fdt_reg(dtb, fdt_compatible(dtb, -1, "ns16550a"), &uart, NULL);
    for (; isa && *isa && !has_sstc; isa++)
        has_sstc = strncmp(isa, "_sstc", 5) == 0;
    slice = timebase / 1000;

    CSR_SET(sstatus, SSTATUS_FS_INITIAL);
    paging_init(uart);
    printf("Sv39 on; %d threads, slices of 1 ms from %s\n", WORKERS, has_sstc ? "Sstc" : "SBI TIME");
    bool protected = faults(false, paging_stack_guard(0), CAUSE_LOAD_PAGE) &&
                     faults(true, (u64)__image_start, CAUSE_STORE_PAGE);
    printf("stack guard and kernel text %s\n", protected ? "are protected" : "are NOT protected");

    for (u64 i = 0; i < ROUNDS * WORKERS; i++)
        undisturbed[i / WORKERS][i % WORKERS] = compute(i);
    for (int n = 0; n < WORKERS; n++)
        create_thread(n);
    set_deadline(read_time() + slice);
    CSR_WRITE(sie, 1 << IRQ_TIMER | 1 << IRQ_SOFT);
    CSR_SET(sstatus, SSTATUS_SIE);

    bool right = true;
    for (u32 round = 0; round < ROUNDS; round++) {
        printf("round %u of %d:", round + 1, ROUNDS);
        for (int n = 0; n < WORKERS; n++) {
            while (*(volatile u32 *)&finished_rounds[n] <= round)
                yield();
            right &= same(results[round][n], undisturbed[round][n]);
            printf(" %08x", (u32)results[round][n].integer);
        }
        printf("\n");
    }
    CSR_CLEAR(sstatus, SSTATUS_SIE);
    printf("timer: results %s, %s interrupt came early, %s\n", right ? "right" : "WRONG",
           early_interrupts ? "an" : "no", protected ? "pages protected" : "pages NOT protected");
    return right && !early_interrupts && protected;
}
