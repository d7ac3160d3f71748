/* The run loop of each hart, and the states of vCPUs. */
#ifndef SCHED_H
#define SCHED_H
#include "vcpu.h"

/* The run loop of a hart. */
void sched_run(void) __attribute__((noreturn));
/* Makes a stopped vCPU runnable at pc with a1 = arg; false if it is not stopped. */
bool sched_start(struct vcpu *v, u64 pc, u64 arg);
/* An event came for the vCPU: ends its wait, or makes a hart that runs it look. */
void sched_notify(struct vcpu *v);
/* This hart's timer has fired. */
void sched_timer(void);
/* The vCPU on this hart makes way if another one is ready. */
void sched_yield(void);
/* The VM is paused: its vCPUs leave their harts, and stay as they are until sched_release. That ends the pause
   and sets the guest's clock to where it stood; false: it was not paused. */
void sched_hold(struct vm *vm);
bool sched_release(struct vm *vm);
enum vcpu_state sched_state(const struct vcpu *v);
#endif
