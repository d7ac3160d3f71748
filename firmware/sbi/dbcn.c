/* SBI DBCN: the debug console. Buffers are guest-physical and must lie in the VM's RAM. */
#include "sbi/sbi.h"

enum { MAX_WRITE = 1024 };               /* bytes a call moves at most: it may move fewer than asked for */

/* [lo, lo+length) of a physical address of two registers; no bytes are in order wherever they are. */
static bool buffer_ok(const struct vcpu *v, const u64 *args)
{
    return !args[0] || (!args[2] && vm_is_ram(v->vm, args[1], args[0]));
}

static struct sbi_ret console_write(struct vcpu *v, const u64 *args)
{
    u32 n = (u32)min_u64(args[0], MAX_WRITE);
    char text[MAX_WRITE];

    if (!buffer_ok(v, args))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    spin_lock(&v->vm->lock);
    bool ok = segments_take(v->vm, &(struct segment){args[1], n}, 1, text, n);
    spin_unlock(&v->vm->lock);
    if (!ok)
        return sbi_error(SBI_ERR_FAILED);
    console_guest_write(v->vm, text, n);
    return sbi_ok(n);
}

static struct sbi_ret console_read(struct vcpu *v, const u64 *args)
{
    u64 n = 0;
    char *to;

    if (!buffer_ok(v, args))
        return sbi_error(SBI_ERR_INVALID_PARAM);
    spin_lock(&v->vm->lock);
    while (n < args[0] && vm_input_ready(v->vm) && (to = vm_ram(v->vm, args[1] + n, 1))) {
        *to = (char)vm_input_take(v->vm);
        n++;
    }
    vuart_update(v->vm);
    spin_unlock(&v->vm->lock);
    return sbi_ok(n);
}

static struct sbi_ret console_write_byte(struct vcpu *v, const u64 *args)
{
    char c = (char)args[0];

    console_guest_write(v->vm, &c, 1);
    return sbi_ok(0);
}

static const struct sbi_function functions[] = {
    {"debug_console_write", 3, console_write, false},
    {"debug_console_read", 3, console_read, false},
    {"debug_console_write_byte", 1, console_write_byte, false},
};

const struct sbi_ext sbi_dbcn = {"DBCN", 0x4442434e, 0x4442434e, SBI_FUNCTIONS(functions), false};
