/* The monitor: what a person, at the escape key or through rvh-ctl, asks the hypervisor to do. */
#ifndef MONITOR_H
#define MONITOR_H
#include "net/switch.h"
#include "vm.h"

/* Who asks: `say` gets each line of the answer, without a line end. */
struct asker { void (*say)(const struct asker *a, const char *line); u32 id; };

enum vm_argument { NO_VM, ONE_VM, ANY_VM /* without one: all */ };

struct verb {
    const char *name, *args, *help;
    enum vm_argument takes;
    /* NULL, or why it was not done. `rest` is what follows the VM, perhaps empty. */
    const char *(*run)(const struct asker *a, struct vm *vm, const char *rest);
};

/* Each file of verbs has a table that ends with an empty name; monitor.c lists the tables. */
extern const struct verb lifecycle_verbs[], show_verbs[], map_verbs[], balloon_verbs[];

void say(const struct asker *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Carries out one line; false: it said why not. The line is cut into words in place. */
bool monitor_execute(const struct asker *a, char *line);

/* prompt.c: the line at the escape key. True while it is open and takes the keyboard. */
bool prompt_is_open(void);
void prompt_open(void);
void prompt_input(char c);
void monitor_to_terminal(const struct asker *a, const char *line);

/* watchdog.c: a vCPU of the VM has begun to wait, or stopped. */
void watchdog_look(struct vm *vm);

/* Sums over the vCPUs of a VM, and what its memory and devices have counted. */
struct vm_stats {
    struct vcpu_stats cpu;
    u64 exits;
    struct memory_stats memory;
    struct disk_stats disk;
    struct port_counters net;
};
void monitor_collect(const struct vm *vm, struct vm_stats *s);
/* A vCPU's counters with the time of the state that it is in up to now. */
struct vcpu_stats monitor_vcpu_stats(const struct vcpu *v);
const char *monitor_exit_name(u32 cause);    /* an index of vcpu_stats.exits */
const char *monitor_vcpu_state(const struct vcpu *v);
u64 monitor_ns(u64 ticks);

/* statistics.c: everything as one JSON document, in pieces. */
void statistics_write(void (*put)(const char *text, u32 length));
#endif
