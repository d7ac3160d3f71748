"""Any sequence of register accesses: a device answers with a value of the access's width and never raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtio_driver import BASE, Ram

from rvh._fast import Plic, Uart16550
from rvh.devices.finisher import TestFinisher
from rvh.devices.rtc import GoldfishRtc
from rvh.devices.virtio.blk import RawDisk, VirtioBlk
from rvh.devices.virtio.mmio import VirtioMmio
from rvh.devices.virtio.slots import Nic, fill_slots


def disk(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(8192))
    return RawDisk(path)


def build(kind, tmp_path):
    if kind == "blk":
        return VirtioMmio(VirtioBlk(disk(tmp_path)))
    if kind in ("net", "console", "rng", "empty"):
        backends = fill_slots(nics=[Nic()])
        return VirtioMmio(backends[{"net": 0, "console": 6, "rng": 7, "empty": 3}[kind]])
    return {"plic": lambda: Plic(3), "uart": lambda: Uart16550(Plic(1)), "rtc": GoldfishRtc, "finisher": TestFinisher}[
        kind
    ]()


#: Values that mean something somewhere: status bits, features, ring addresses, queue numbers and sizes.
VALUES = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 7, 8, 11, 15, 16, 64, 0x80, 0x100, 0xFFFF, BASE, BASE + 0x1000, BASE + 0x2000]),
    st.integers(0, (1 << 64) - 1),
)
OFFSETS = st.one_of(
    st.sampled_from([0x10, 0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0xA0, 0x100]),
    st.integers(0, 1 << 12),
    st.integers(0, 1 << 23),
)


@pytest.mark.parametrize("kind", ["blk", "net", "console", "rng", "empty", "plic", "uart", "rtc", "finisher"])
def test_any_access(kind, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp(kind)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.tuples(st.booleans(), OFFSETS, st.integers(0, 3), VALUES), max_size=60), st.binary(max_size=4096)
    )
    def run(accesses, memory):
        device = build(kind, tmp_path)
        ram = Ram()
        ram.write(BASE, memory)
        if isinstance(device, VirtioMmio):
            device.memory = ram
        low, high = device.access_sizes
        for store, offset, log_size, value in accesses:
            size = min(max(1 << log_size, low), high)
            offset = offset % device.size & ~(size - 1)
            if store:
                device.write(offset, size, value & (1 << 8 * size) - 1)
            else:
                answer = device.read(offset, size)
                assert 0 <= answer < 1 << 64
                if isinstance(device, VirtioMmio | GoldfishRtc):
                    assert answer < 1 << 8 * size
        state = device.state()
        device.restore(state)
        assert device.state() == state
        device.reset()
        device.close()

    run()
