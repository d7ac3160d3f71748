/* Monitor commands: the line is cut into words, the verb looked up in the tables, its VM found by name. */
#include "monitor/monitor.h"

enum { MAX_LINE = 200 };

static const char *help(const struct asker *a, struct vm *vm, const char *rest);
static const struct verb help_verbs[] = {{"help", "", "this list", NO_VM, help}, {0}};
static const struct verb *const tables[] = {show_verbs, lifecycle_verbs, map_verbs, balloon_verbs, help_verbs};

void say(const struct asker *a, const char *fmt, ...)
{
    char line[MAX_LINE];
    va_list ap;

    va_start(ap, fmt);
    vformat(line, sizeof(line), fmt, ap);
    va_end(ap);
    a->say(a, line);
}

/* Text that fills up a column, as the format has no left-aligned strings. */
static const char *gap(const char *a, const char *b)
{
    static const char spaces[] = "                  ";
    size_t used = strlen(a) + strlen(b), width = sizeof(spaces) - 1;

    return spaces + (used < width ? used : width);
}

static const char *help(const struct asker *a, struct vm *vm, const char *rest)
{
    (void)vm;
    (void)rest;
    for (u32 i = 0; i < ARRAY_LEN(tables); i++)
        for (const struct verb *v = tables[i]; v->name; v++)
            say(a, "%s %s%s %s", v->name, v->args, gap(v->name, v->args), v->help);
    return NULL;
}

static const struct verb *find_verb(const char *name)
{
    for (u32 i = 0; i < ARRAY_LEN(tables); i++)
        for (const struct verb *v = tables[i]; v->name; v++)
            if (strcmp(v->name, name) == 0)
                return v;
    return NULL;
}

/* By its label, or by its number in the list. */
static struct vm *find_vm(const char *name)
{
    u64 number = 0;
    bool digits = *name;

    for (u32 i = 0; i < vm_count; i++)
        if (strcmp(vms[i].label, name) == 0)
            return &vms[i];
    for (const char *p = name; *p && digits; p++) {
        digits = *p >= '0' && *p <= '9' && number < MAX_VMS;
        number = number * 10 + (u64)(*p - '0');
    }
    return digits && number < vm_count ? &vms[number] : NULL;
}

/* Cuts the first word off: ends it with a zero and returns what follows. */
static char *next_word(char **line)
{
    char *word, *p = *line;

    while (*p == ' ')
        p++;
    for (word = p; *p && *p != ' '; p++)
        ;
    if (*p)
        *p++ = 0;
    while (*p == ' ')
        p++;
    *line = p;
    return word;
}

bool monitor_execute(const struct asker *a, char *line)
{
    const char *word = next_word(&line);
    const struct verb *verb = find_verb(word);
    struct vm *vm = NULL;

    if (!verb) {
        say(a, "there is no verb '%s'; 'help' lists them", word);
        return false;
    }
    if (verb->takes == ONE_VM && !*line) {
        say(a, "%s needs a VM: %s %s", verb->name, verb->name, verb->args);
        return false;
    }
    if (verb->takes != NO_VM && *line) {
        word = next_word(&line);
        vm = find_vm(word);
        if (!vm) {
            say(a, "there is no VM '%s'; 'list' lists them", word);
            return false;
        }
    }
    const char *error = verb->run(a, vm, line);
    if (error)
        say(a, vm ? "%s %s: %s" : "%s%s: %s", verb->name, vm ? vm->label : "", error);
    return !error;
}
