/* SBI DBCN: the debug console. Buffers are guest-physical and must lie in the VM's RAM. */
#include "sbi/sbi.h"

enum { MAX_WRITE = 1024 };               /* bytes a call moves at most: it may move fewer than asked for */

static struct sbi_ret console_write(struct vcpu *v, const u64 *args)
{
    const char *text = args[2] ? NULL : vm_ram(v->vm, args[1], args[0]);

    if (!text)
        return (struct sbi_ret){SBI_ERR_INVALID_PARAM, 0};
    u64 n = min_u64(args[0], MAX_WRITE);
    console_guest_write(v->vm, text, n);
    return (struct sbi_ret){SBI_SUCCESS, n};
}

static struct sbi_ret console_read(struct vcpu *v, const u64 *args)
{
    char *buf = args[2] ? NULL : vm_ram(v->vm, args[1], args[0]);
    u64 n = 0;

    if (!buf)
        return (struct sbi_ret){SBI_ERR_INVALID_PARAM, 0};
    spin_lock(&v->vm->lock);
    for (int c; n < args[0] && (c = vm_input_take(v->vm)) >= 0;)
        buf[n++] = (char)c;
    vuart_update(v->vm);
    spin_unlock(&v->vm->lock);
    return (struct sbi_ret){SBI_SUCCESS, n};
}

static struct sbi_ret console_write_byte(struct vcpu *v, const u64 *args)
{
    char c = (char)args[0];

    console_guest_write(v->vm, &c, 1);
    return (struct sbi_ret){SBI_SUCCESS, 0};
}

static struct sbi_ret call(struct vcpu *v, u64 fid, const u64 *args)
{
    static struct sbi_ret (*const functions[])(struct vcpu *, const u64 *) = {
        console_write, console_read, console_write_byte,
    };

    if (fid >= ARRAY_LEN(functions))
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    return functions[fid](v, args);
}

const struct sbi_ext sbi_dbcn = {"DBCN", 0x4442434e, 0x4442434e, false, call};
