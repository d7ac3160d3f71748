/* RFENCE: which arguments are refused, and that the other hart sees new translations and new code. */
#include "checks.h"

static u64 pages[2][512] __attribute__((aligned(4096)));
static u32 code[2] __attribute__((aligned(8)));

static u64 switch_to(u64 satp)
{
    CSR_WRITE(satp, satp);
    sfence_all();
    return load(WINDOW);
}

static u64 switch_back(u64 unused)
{
    (void)unused;
    CSR_WRITE(satp, 0);
    sfence_all();
    return 0;
}

/* The other hart has used the old translation of the window's first page; after the fence it uses the new. */
static void check_translation(const char *what, u64 function, u64 start, u64 size)
{
    enum { ASID = 5 };
    static unsigned which;
    for (u64 i = 0; i < WINDOW_PAGES; i++)
        window_map(i, pages[which], PTE_R | PTE_W | PTE_A | PTE_D);
    check("the window shows one page", other_run(switch_to, window_satp(ASID)) == which);
    which ^= 1;
    window_map(0, pages[which], PTE_R | PTE_W | PTE_A | PTE_D);
    check_error(what, sbi_call(SBI_RFENCE, function, 1, machine.other, start, size, ASID), SBI_SUCCESS);
    bool seen = other_run(load, WINDOW) == which;
    check(what, seen);
}

static u64 run_code(u64 unused) { return ((u64 (*)(u64))(void *)code)(unused); }

static void write_code(u32 number)
{
    __atomic_store_n(&code[1], 0x00008067, __ATOMIC_RELAXED);             /* ret */
    __atomic_store_n(&code[0], number << 20 | 0x513, __ATOMIC_RELEASE);   /* li a0, number */
    __asm__ volatile("fence.i" ::: "memory");
}

void check_rfence(void)
{
    const u64 self = machine.hart;
    for (u64 function = 0; function < 3; function++) {
        check_error("a hart that is not", sbi_call(SBI_RFENCE, function, 1, 4096, 0, 0, 0), SBI_INVALID_PARAM);
        check_error("all of 64", sbi_call(SBI_RFENCE, function, -1ul, 0, 0, 0, 0), SBI_INVALID_PARAM);
        check_error("ids beyond 64 bits", sbi_call(SBI_RFENCE, function, 4, -2ul, 0, 0, 0), SBI_INVALID_PARAM);
        check_error("an empty mask", sbi_call(SBI_RFENCE, function, 0, 4096, 0, 0, 0), SBI_SUCCESS);
        check_error("to all", sbi_call(SBI_RFENCE, function, 0, -1ul, 0, 0, 0), SBI_SUCCESS);
    }
    for (u64 function = 1; function < 3; function++) {
        check_error("size 0", sbi_call(SBI_RFENCE, function, 1, self, 4096, 0, 0), SBI_SUCCESS);
        check_error("size -1", sbi_call(SBI_RFENCE, function, 1, self, 4096, -1ul, 0), SBI_SUCCESS);
        check_error("the last page", sbi_call(SBI_RFENCE, function, 1, self, -4096ul, 4096, 0), SBI_SUCCESS);
        check_error("a range beyond 64 bits", sbi_call(SBI_RFENCE, function, 1, self, -4096ul, 8192, 0),
                    SBI_INVALID_ADDRESS);
    }
    check_error("ASID of 17 bits", sbi_call(SBI_RFENCE, 2, 1, self, 0, 0, 1 << 16), SBI_INVALID_PARAM);
    for (u64 function = 3; function < 7; function++)
        check_error("HFENCE", sbi_call(SBI_RFENCE, function, 1, self, 0, 0, 0),
                    machine.has_h ? SBI_SUCCESS : SBI_NOT_SUPPORTED);
    check_error("function 7", sbi_call(SBI_RFENCE, 7, 1, self, 0, 0, 0), SBI_NOT_SUPPORTED);
    if (!machine.has_other)
        return;

    pages[1][0] = 1;
    for (u64 function = 1; function < 3; function++) {
        check_translation("one page", function, WINDOW, 4096);
        check_translation("one byte of it", function, WINDOW + 4095, 1);
        check_translation("a few pages", function, WINDOW - 8192, 3 * 4096);
        check_translation("many pages", function, WINDOW, WINDOW_PAGES * 4096);
        check_translation("everything, said as 0 and 0", function, 0, 0);
        check_translation("everything, said as -1", function, 4096, -1ul);
    }
    other_run(switch_back, 0);
    write_code(1);
    check_error("remote_fence_i", sbi_call(SBI_RFENCE, 0, 1, machine.other, 0, 0, 0), SBI_SUCCESS);
    check("code as written first", other_run(run_code, 0) == 1);
    write_code(2);
    check_error("remote_fence_i", sbi_call(SBI_RFENCE, 0, 1, machine.other, 0, 0, 0), SBI_SUCCESS);
    check("code as written then", other_run(run_code, 0) == 2);
}
