/* Device discovery and initialisation (virtio 1.2, sections 3.1.1 and 4.2.3). */
#include "virtio.h"
#include "fdt.h"
#include "string.h"

u64 virtio_find(const void *dtb, u32 device_id, u32 *irq)
{
    u64 found = 0;
    for (int node = -1; (node = fdt_compatible(dtb, node, "virtio,mmio")) >= 0;) {
        u64 base;
        if (!fdt_reg(dtb, node, &base, NULL) || read32(base + VIRTIO_MAGIC) != VIRTIO_MAGIC_VALUE ||
            read32(base + VIRTIO_DEVICE_ID) != device_id || (found && base > found))
            continue;
        found = base;
        *irq = fdt_u32(dtb, node, "interrupts", 0);
    }
    return found;
}

bool virtio_begin(u64 device, u64 wanted, u64 *accepted)
{
    u64 offered = 0;
    if (read32(device + VIRTIO_VERSION) != 2)
        return false;
    write32(device + VIRTIO_STATUS, 0);
    while (read32(device + VIRTIO_STATUS) != 0)
        ;
    write32(device + VIRTIO_STATUS, STATUS_ACKNOWLEDGE);
    write32(device + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
    for (u32 word = 0; word < 2; word++) {
        write32(device + VIRTIO_DEVICE_FEATURES_SEL, word);
        offered |= (u64)read32(device + VIRTIO_DEVICE_FEATURES) << 32 * word;
    }
    *accepted = offered & (wanted | VIRTIO_F_VERSION_1);
    for (u32 word = 0; word < 2; word++) {
        write32(device + VIRTIO_DRIVER_FEATURES_SEL, word);
        write32(device + VIRTIO_DRIVER_FEATURES, (u32)(*accepted >> 32 * word));
    }
    write32(device + VIRTIO_STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK);
    return (read32(device + VIRTIO_STATUS) & STATUS_FEATURES_OK) != 0;
}

static void write_address(u64 reg, const volatile void *address)
{
    write32(reg, (u32)(u64)address);
    write32(reg + 4, (u32)((u64)address >> 32));
}

bool virtio_set_queue(u64 device, u32 number, struct virtq *queue)
{
    write32(device + VIRTIO_QUEUE_SEL, number);
    if (read32(device + VIRTIO_QUEUE_READY) || read32(device + VIRTIO_QUEUE_NUM_MAX) < QUEUE_SIZE)
        return false;
    memset(queue, 0, sizeof *queue);
    write32(device + VIRTIO_QUEUE_NUM, QUEUE_SIZE);
    write_address(device + VIRTIO_QUEUE_DESC, queue->desc);
    write_address(device + VIRTIO_QUEUE_DRIVER, &queue->avail);
    write_address(device + VIRTIO_QUEUE_DEVICE, &queue->used);
    write32(device + VIRTIO_QUEUE_READY, 1);
    return true;
}

void virtio_ready(u64 device)
{
    u32 status = STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK | STATUS_DRIVER_OK;
    write32(device + VIRTIO_STATUS, status);
}
