/* The boot hart's way from entry to the run loop. */
#include "hart.h"
#include "drivers/drivers.h"
#include "monitor/control.h"
#include "sched.h"
#include "vm.h"

void main(u64 boot_hart_id, const void *dtb) __attribute__((noreturn));
void main(u64 boot_hart_id, const void *dtb)
{
    bool found = platform_init(dtb);

    /* boot.S set tp before the tree was read; the entry of this hart may be another one. */
    for (u32 i = 0; i < hart_count; i++) {
        harts[i].index = i;
        if (harts[i].id == boot_hart_id)
            __asm__ volatile("mv tp, %0" :: "r"(&harts[i]));
    }
    plic_init();
    uart_init();
    if (found)
        control_init();
    if (!found) {
        hv_log("no usable device tree at 0x%lx", (u64)dtb);
        sbi_shutdown(true);
    }
    const char *lacks = hart_probe();
    if (lacks) {
        hv_log("this hart has %s, and the hypervisor needs it", lacks);
        sbi_shutdown(true);
    }
    hart_init();
    hv_log("rvh hypervisor: %u hart%s, %lu MiB free, Sv%ux4, %u-bit VMIDs%s", hart_count,
           hart_count > 1 ? "s" : "", ram_free_bytes() >> 20, features.gstage_levels * 9 + 12,
           features.vmid_bits, features.sstc ? ", Sstc" : "");
    if (platform.ram_unused)
        hv_log("%lu KiB of memory are not used: reservations have cut it into too many runs", platform.ram_unused >> 10);
    harts_prepare();
    frames_init();
    disks_init();
    uplink_init();
    rng_init();
    if (!vm_count) {
        hv_log("the device tree describes no VM");
        sbi_shutdown(true);
    }
    vms_create();
    harts_start();
    sched_run();
}
