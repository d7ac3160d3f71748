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
    X(satp_reserved_mode)                                                                                 \
    /* privilege.c */                                                                                     \
    X(read_machine_csrs) X(write_machine_csrs) X(read_hypervisor_csrs) X(write_hypervisor_csrs)           \
    X(write_counters) X(machine_instructions) X(hypervisor_instructions) X(hypervisor_loads)              \
    X(hypervisor_stores) X(reserved_encodings) X(user_csrs) X(user_instructions)                          \
    /* interrupt.c */                                                                                     \
    X(forge_sip) X(forge_hvip) X(plic_forge_pending) X(plic_other_contexts) X(plic_bad_registers)         \
    X(plic_false_complete) X(clint_registers) X(timer_storm) X(timer_far_future) X(ipi_storm) X(wfi_storm) \
    /* sbi.c */                                                                                           \
    X(sbi_unknown_extensions) X(sbi_unknown_functions) X(sbi_console_pointers) X(sbi_legacy_pointers)     \
    X(sbi_hart_start) X(sbi_hart_suspend) X(sbi_ipi_masks) X(sbi_remote_fences) X(sbi_remote_hfences)     \
    X(sbi_reset_types)                                                                                    \
    /* ring.c */                                                                                          \
    X(virtio_registers) X(virtio_queue_size) X(virtio_queue_address) X(virtio_notify)                     \
    X(virtio_desc_address) X(virtio_desc_length) X(virtio_desc_loop) X(virtio_desc_next)                  \
    X(virtio_avail_head) X(virtio_avail_index) X(virtio_indirect) X(virtio_indirect_tables)               \
    X(virtio_event_index)

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
