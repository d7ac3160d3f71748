/* The control channel: framed messages between the hypervisor and the tool that runs the machine (docs/monitor.md). */
#ifndef CONTROL_H
#define CONTROL_H
#include "lib/lib.h"

enum { CONTROL_HYPERVISOR = 0xff };          /* in place of a VM's number: the hypervisor's own lines */

/* Finds the channel that /chosen names, if there is one. */
void control_init(void);
/* Hands on what a VM, or the hypervisor, has printed. */
void control_output(u32 vm, const char *text, u64 length);
/* Sends what has waited long enough; returns when the rest is due. */
u64 control_flush_stale(u64 now);
/* The run ends: sends the statistics and everything that waits. */
void control_finish(void);
#endif
