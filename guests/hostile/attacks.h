/* The list of attacks, and what they know about the machine. Each is a function attack_NAME. */
#pragma once
#include "attempt.h"

enum verdict { CONTAINED, ESCAPED, SKIPPED };

/* An attack says whether all its attempts were contained; an attempt needs one expression. */
static inline enum verdict contained_if(bool contained) { return contained ? CONTAINED : ESCAPED; }

#define ATTACKS(X)                                                                                        \
    /* memory.c */                                                                                        \
    X(read_below_ram) X(write_below_ram) X(read_above_ram) X(write_above_ram) X(read_firmware)            \
    X(huge_addresses) X(straddle_end_of_ram) X(execute_outside) X(atomics_outside) X(float_outside)       \
    X(cache_blocks_outside) X(cache_block_inval) X(machine_devices) X(page_table_leaf) X(page_table_pointer) \
    X(satp_reserved_mode) X(gstage_holes) X(cache_blocks_on_devices) X(odd_accesses_to_devices)           \
    /* mapping.c */                                                                                       \
    X(fetch_unmapped) X(fetch_changed) X(pointer_remapped) X(stale_translation) X(straddle_mappings)      \
    /* privilege.c */                                                                                     \
    X(read_machine_csrs) X(write_machine_csrs) X(read_hypervisor_csrs) X(write_hypervisor_csrs)           \
    X(write_counters) X(machine_instructions) X(hypervisor_instructions) X(hypervisor_loads)              \
    X(hypervisor_stores) X(reserved_encodings) X(user_csrs) X(user_instructions)                          \
    /* interrupt.c */                                                                                     \
    X(forge_sip) X(forge_hvip) X(plic_forge_pending) X(plic_other_contexts) X(plic_bad_registers)         \
    X(plic_false_complete) X(clint_registers) X(timer_storm) X(timer_far_future) X(ipi_storm) X(wfi_storm) \
    X(ipi_forever) X(level_stuck) X(plic_random)                                                          \
    /* sbi.c */                                                                                           \
    X(sbi_unknown_extensions) X(sbi_unknown_functions) X(sbi_console_pointers) X(sbi_legacy_pointers)     \
    X(sbi_hart_start) X(sbi_hart_suspend) X(sbi_ipi_masks) X(sbi_remote_fences) X(sbi_remote_hfences)     \
    X(sbi_reset_types)                                                                                    \
    /* abuse.c */                                                                                         \
    X(sbi_random) X(sbi_foreign_addresses) X(pmu_counters) X(firmware_features) X(system_suspend)         \
    X(reset_others)                                                                                       \
    /* exhaust.c */                                                                                       \
    X(find_old_memory) X(exhaust_memory) X(cache_zero_everywhere) X(console_forged_lines)                 \
    X(console_escape_keys) X(console_flood) X(exit_storm)                                                 \
    /* ring.c */                                                                                          \
    X(virtio_registers) X(virtio_queue_size) X(virtio_queue_address) X(virtio_notify)                     \
    X(virtio_desc_address) X(virtio_desc_length) X(virtio_desc_loop) X(virtio_desc_next)                  \
    X(virtio_avail_head) X(virtio_avail_index) X(virtio_indirect) X(virtio_indirect_tables)               \
    X(virtio_event_index) X(virtio_random_registers)                                                     \
    /* ring_packed.c */                                                                                   \
    X(packed_address) X(packed_length) X(packed_order) X(packed_endless) X(packed_indirect) X(packed_flags) \
    X(packed_events)                                                                                      \
    /* balloon.c */                                                                                       \
    X(balloon_bad_pages) X(balloon_twice) X(balloon_rings) X(balloon_everything) X(balloon_disk)          \
    X(balloon_lists)

#define DECLARE(name) enum verdict attack_##name(void);
ATTACKS(DECLARE)
#undef DECLARE

/* What the device tree says of this machine. */
struct machine {
    const void *dtb;
    u64 hart, harts;
    u64 ram_base, ram_end;
    u64 plic, clint;
    bool has_h;     /* the tree offers the H extension, so using it is no attack */
    bool is_virtual; /* no test finisher: a hypervisor's VM rather than the machine itself */
};
extern struct machine machine;

/* memory.c: Sv39 with our RAM and the devices 1:1, and whatever the attack wants at VA 100 GiB. */
#define VICTIM_INDEX 100ul
#define VICTIM_VA (VICTIM_INDEX << 30)
void paging_on(u64 victim_entry);
void paging_off(void);
/* sbi.c: to be attempted, with the extension and a pointer. */
u64 legacy_call(u64 extension, u64 pointer);

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
