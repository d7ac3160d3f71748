"""virtio 1.2 devices: transport (`mmio`), queues (`queue`) and one file per kind of device.

The guest is not trusted with anything: every index, length and address is checked where it is used, and one
that is bad sets DEVICE_NEEDS_RESET and stops the device until the driver resets it.
"""
