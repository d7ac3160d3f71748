"""VM descriptions, placement in RAM and the nodes that the hypervisor reads."""

import json
import os
import re
import struct
from pathlib import Path

import pytest
from elf_files import Elf, Part
from hypothesis import given, settings
from hypothesis import strategies as st
from test_elf import linux_image

from rvh import boot, dtb, vms
from rvh.devices.virtio.backends import DiskSpec
from rvh.dtb import Node
from rvh.errors import InputError, UsageError
from rvh.placement import RamMap, size_words

RAM, MIB = 0x8000_0000, 1 << 20


@pytest.fixture
def kernel(tmp_path):
    path = tmp_path / "Guest.One.elf"
    path.write_bytes(Elf([Part(RAM + 0x200000, b"\x6f\0\0\0")], entry=RAM + 0x200000).build())
    return str(path)


@pytest.fixture
def images(tmp_path):
    """Stand-ins for the firmware and the hypervisor."""
    paths = []
    for name, address in (("sbi", RAM), ("hv", RAM + 0x200000)):
        path = tmp_path / f"{name}.elf"
        path.write_bytes(Elf([Part(address, b"\x6f\0\0\0", memsz=0x10000)], entry=address).build())
        paths.append(str(path))
    return paths


def test_the_documents_example_is_as_rvh_run_takes_it(tmp_path, kernel):
    """docs/vms.md shows every key."""
    text = (Path(__file__).parent.parent / "docs" / "vms.md").read_text()
    example = re.search(r"```toml\n(.*?)```", text, re.S)[1]
    (tmp_path / "vms.toml").write_text(example)
    (tmp_path / "Image").write_bytes(linux_image())
    os.rename(kernel, tmp_path / "timer.elf")
    description = vms.load_toml(str(tmp_path / "vms.toml"))
    debian, timer = description.vms
    assert (debian.name, debian.memory, debian.harts) == ("debian", 256 * MIB, (0, 1)) and timer.name == "timer"
    shown = {line.split("=")[0].strip() for line in example.splitlines() if "=" in line}
    assert shown >= {*vms.VM_KEYS, *vms.MACHINE_KEYS} and len(vms.disks_of(description.vms)) == 1


# -- sizes and ranges


@pytest.mark.parametrize(
    "text, size",
    [("4096", 4096), ("64M", 64 * MIB), ("64MiB", 64 * MIB), ("1g", 1 << 30), ("8 k", 8192), (1 << 20, 1 << 20),
     ("64mb", 64 * MIB)],
)  # fmt: skip
def test_sizes(text, size):
    assert vms.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1M", "1.5G", "12X", "4095", "0", "2T", "9" * 25, "0x1000", True])
def test_absurd_sizes(text):
    with pytest.raises(UsageError, match="memory: "):
        vms.parse_size(text, "memory")


def test_size_words():
    assert [size_words(n) for n in (5, 4096, 64 * MIB, 3 << 30, 1 << 40)] == [
        "5 bytes", "4 KiB", "64 MiB", "3 GiB", "1 TiB",
    ]  # fmt: skip


def test_ram_map():
    ram = RamMap(RAM, MIB)
    ram.claim(RAM, 0x1000, "a")
    with pytest.raises(InputError, match="b: 0x80000800..0x80001800 overlaps a at 0x80000000..0x80001000"):
        ram.claim(RAM + 0x800, 0x1000, "b")
    with pytest.raises(InputError, match="lies outside the 1 MiB of RAM"):
        ram.claim(RAM + MIB - 1, 2, "b")
    assert ram.place_high(0x1001, "c") == RAM + MIB - 0x2000
    assert ram.place_high(0x1000, "d") == RAM + MIB - 0x3000
    assert ram.place_high(0x1000, "e", below=RAM + 0x10000) == RAM + 0xF000
    with pytest.raises(UsageError, match="g: no room"):
        ram.place_high(MIB, "g")
    assert ram.place_high(0xE000, "f", below=RAM + 0x10000) == RAM + 0x1000
    with pytest.raises(UsageError, match="g: no room"):
        ram.place_high(0x1000, "g", below=RAM + 0x10000)


# -- arguments


def test_from_files(kernel, tmp_path):
    image = tmp_path / "Image"
    image.write_bytes(linux_image())
    specs = vms.from_files([kernel, kernel, str(image)], vcpus=2, append="x", disks=[DiskSpec("a.img", readonly=True)])
    assert [vm.name for vm in specs] == ["guest", "guest2", "image"]
    assert [vm.memory for vm in specs] == [64 * MIB, 64 * MIB, 256 * MIB]
    assert [(vm.disk, vm.readonly) for vm in specs] == [("a.img", True), (None, False), (None, False)]
    assert not any(vm.net for vm in specs) and all(vm.net for vm in vms.from_files([kernel, kernel], net=True))
    assert {vm.vcpus for vm in specs} == {2} and {vm.append for vm in specs} == {"x"}


def test_labels():
    assert vms.label_for("/x/A Very long-name_indeed.elf", []) == "a-very-long-nam"
    assert vms.label_for("a-very-long-name", ["a-very-long-nam"]) == "a-very-long-na2"
    assert vms.label_for("Ümläut.elf", []) == "ml-ut"
    assert vms.label_for("...", []) == "vm"


def test_arguments_out_of_range(kernel):
    with pytest.raises(UsageError, match="17 VMs"):
        vms.from_files([kernel] * 17)
    with pytest.raises(UsageError, match="2 disks for 1 VM"):
        vms.from_files([kernel], disks=[DiskSpec("a"), DiskSpec("b")])
    with pytest.raises(UsageError, match="1 to 8 vCPUs, not 9"):
        vms.from_files([kernel], vcpus=9)


# -- TOML


def toml(tmp_path, text):
    path = tmp_path / "vms.toml"
    path.write_text(text)
    return str(path)


def test_toml(tmp_path):
    description = vms.load_toml(
        toml(
            tmp_path,
            """
            [machine]
            harts = 4
            memory = "1G"
            [[vm]]
            kernel = "Image"
            initrd = "sub/initrd"
            append = "console=ttyS0"
            memory = "128M"
            vcpus = 2
            disk = "/abs/disk.img"
            readonly = true
            console = "virtio"
            net = true
            [[vm]]
            name = "two"
            kernel = "b.elf"
            """,
        )
    )
    assert description.machine == {"harts": 4, "memory": "1G"}
    one, two = description.vms
    assert (one.name, one.kernel, one.initrd) == ("image", f"{tmp_path}/Image", f"{tmp_path}/sub/initrd")
    assert (one.append, one.memory, one.vcpus) == ("console=ttyS0", 128 * MIB, 2)
    assert (one.disk, one.readonly, one.console) == ("/abs/disk.img", True, "virtio")
    assert vms.disks_of(description.vms) == [DiskSpec("/abs/disk.img", readonly=True)]
    assert (one.net, two.net) == (True, False)
    assert (two.name, two.memory, two.vcpus, two.disk, two.console) == ("two", 64 * MIB, 1, None, "uart")


VM = "[[vm]]\nkernel = 'k'\n"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "describes no VM"),
        ("vm = []", "describes no VM"),
        ("[[vm]", "is not valid TOML"),
        ("x = ", "is not valid TOML"),
        ("[vm]\nkernel = 'k'", "vm is not a list of tables"),
        ("vm = [1]", "vm is not a list of tables"),
        ("machine = 3\n" + VM, "machine is not a table"),
        ("colour = 1\n" + VM, "unknown table or key 'colour'"),
        (VM + "[machine]\nharts = '2'", r"\[machine\]: harts is not a number"),
        (VM + "[machine]\nram = 2", "unknown key 'ram'; known are harts, memory, clock"),
        ("[[vm]]\nname = 'x'", "vm 1: has no kernel"),
        (VM + "kernels = 'x'", "vm 1: unknown key 'kernels'"),
        (VM + VM + "vcpus = 0", "vm 2: vcpus is 0, not 1 to 8"),
        (VM + "vcpus = true", "vm 1: vcpus is not a number"),
        (VM + "disk = 'd'\nreadonly = 1", "vm 1: readonly is not true or false"),
        (VM + "readonly = true", "vm 1: is readonly but has no disk"),
        (VM + "vcpus = 1.5", "vm 1: vcpus is not a number"),
        (VM + "net = 2", "vm 1: net is not true or false"),
        (VM + "trace_sbi = 1", "vm 1: trace_sbi is not true or false"),
        (VM + 'serial = "a"', "vm 1: serial 'a' is not 1 to 20 printable ASCII characters, of a disk"),
        (VM + 'disk = "d"\nserial = "' + "x" * 21 + '"', "is not 1 to 20 printable"),
        (VM + "partition = 1", "vm 1: partition is 1, not 1 to 1024 of a disk"),
        (VM + 'disk = "d"\npartition = 0', "vm 1: partition is 0, not 1 to 1024 of a disk"),
        (VM + 'memory = "32M"\nballoon = "33M"', "vm 1: balloon: 33M is not between 0 bytes and 32 MiB"),
        (VM + 'balloon = "a lot"', "vm 1: balloon: 'a lot' is not a size such as 256M"),
        (VM + "balloon = true", "vm 1: balloon is not a size"),
        (VM + 'pages = "4K"', "vm 1: pages is '4K', not one of 2M, 1G"),
        (VM + "weight = 0", "vm 1: weight is 0, not 1 to 65535"),
        (VM + "cap = 801", "vm 1: cap is 801, not 0 to 800 percent"),
        (VM + "harts = 1", "vm 1: harts is not a list"),
        (VM + "harts = []", "vm 1: harts names no hart"),
        (VM + "harts = [0, 0]", "vm 1: harts is not a list of different hart numbers"),
        (VM + "harts = [true]", "vm 1: harts is not a list of different hart numbers"),
        (VM + "harts = [64]", "vm 1: harts is not a list of different hart numbers"),
        (VM + "memory = '1M'", "vm 1: memory: 1M is not between 2 MiB and 1 TiB"),
        (VM + "memory = 'lots'", "vm 1: memory: 'lots' is not a size"),
        (VM + "memory = -5", "vm 1: memory: -5 is not a size"),
        (VM + "memory = 99999999999999999999999999", "vm 1: memory"),
        (VM + "name = 'Big Name'", "vm 1: name 'Big Name' is not"),
        (VM + "name = 'a'\n" + VM + "name = 'a'", "vm 2: there is already a VM called 'a'"),
        (VM + "console = 'vga'", "vm 1: console is 'vga'"),
        (VM + 'append = "a\\u0000b"', "vm 1: append holds a NUL"),
        (VM * 17, "describes 17 VMs; the hypervisor takes 16"),
    ],
)
def test_bad_toml(tmp_path, text, words):
    path = toml(tmp_path, text)
    with pytest.raises(InputError, match=words) as caught:
        vms.load_toml(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_toml_that_is_not_text(tmp_path):
    path = tmp_path / "vms.toml"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(InputError, match="is not a text file"):
        vms.load_toml(str(path))
    path.write_text("x = " + "[" * 100000)
    with pytest.raises(InputError, match="is not valid TOML"):
        vms.load_toml(str(path))


# -- plans


def plan(images, specs, size=512 * MIB, root=None):
    root = root or Node("", {}, [Node("chosen", {"stdout-path": "/soc/serial"})])
    result = vms.plan_hypervisor(root, RAM, size, *images, specs)
    [blob] = [load.data for load in result.loads if load.address == result.dtb_address]
    return result, dtb.parse(blob)


def disjoint(result, size):
    ranges = sorted((load.address, load.address + load.size, load.name) for load in result.loads)
    assert ranges[0][0] >= RAM and ranges[-1][1] <= RAM + size
    for (_, end, _), (start, _, _) in zip(ranges, ranges[1:], strict=False):
        assert end <= start


def test_plan_of_two_vms(images, kernel, tmp_path):
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"initrd" * 1000)
    specs = [
        vms.VmSpec("one", kernel, 64 * MIB, 2, str(initrd), "quiet", "a.img", "virtio"),
        vms.VmSpec("two", kernel, 32 * MIB, disk="b.img"),
    ]
    result, root = plan(images, specs)
    disjoint(result, 512 * MIB)
    assert result.entry == RAM
    assert result.dtb_address % (2 * MIB) == 0
    one, two = root.child("chosen").children
    assert (one.name, two.name) == ("rvh,vm@0", "rvh,vm@1")
    assert one.string("compatible") == "rvh,vm" and one.string("label") == "one"
    assert one.u64s("memory") == [64 * MIB] and one.u32("vcpus") == 2
    assert one.string("bootargs") == "quiet" and one.string("console") == "virtio"
    assert (one.u32("disk"), two.u32("disk")) == (0, 1)
    assert one["kernel"] == two["kernel"]  # the same file is loaded once
    loads = {load.address: load for load in result.loads}
    for key, path in (("kernel", kernel), ("initrd", str(initrd))):
        address, size = one.u64s(key)
        with open(path, "rb") as file:
            assert loads[address].data == file.read()
        assert loads[address].size == size
    assert "initrd" not in two and "bootargs" not in two
    assert root.child("chosen").string("stdout-path") == "/soc/serial"
    info = struct.unpack("<6Q", loads[result.info_address].data)
    assert info == (0x4942534F, 2, RAM + 0x200000, 1, 0, 0)


def test_vm_nodes_of_a_given_tree_are_replaced(images, kernel):
    root = Node("", {}, [Node("chosen", {}, [Node("rvh,vm@0", {"label": "old"}), Node("other"), Node("rvh,vm@1")])])
    _, tree = plan(images, [vms.VmSpec("new", kernel, 64 * MIB)], root=root)
    assert [child.name for child in tree.child("chosen").children] == ["other", "rvh,vm@0"]
    assert tree.find("/chosen/rvh,vm@0").string("label") == "new"


def test_guest_kernels_are_checked(images, tmp_path):
    for name, blob, words in (
        ("raw", b"\x13\0\0\0" * 100, "is neither an ELF file nor a Linux Image"),
        ("gz", b"\x1f\x8b" + bytes(10), "is compressed with gzip"),
        ("empty", b"", "is empty"),
        ("x86", Elf(machine=62).build(), "is an ELF file for x86-64"),
        ("pie", Elf([Part(0, bytes(8))], entry=0, kind=3).build(), "is position-independent"),
        ("far", Elf([Part(RAM + (64 << 20), bytes(8))], entry=RAM + (64 << 20)).build(), "lies outside RAM"),
    ):
        path = tmp_path / name
        path.write_bytes(blob)
        with pytest.raises(InputError, match=words) as caught:
            plan(images, [vms.VmSpec("guest", str(path), 64 * MIB)])
        assert str(caught.value).startswith(f"{path}: ") and str(caught.value).endswith("(VM guest)")


def test_not_enough_memory(images, kernel):
    with pytest.raises(UsageError, match="the VMs want 1 GiB of memory, the machine has 512 MiB"):
        plan(images, [vms.VmSpec("a", kernel, 1 << 30)])


def test_memory_for_fits(images, kernel):
    specs = [vms.VmSpec(f"v{n}", kernel, 96 * MIB) for n in range(16)]
    size = vms.memory_for(specs)
    assert size % (64 * MIB) == 0
    disjoint(plan(images, specs, size)[0], size)


def test_two_vms_cannot_share_a_disk(tmp_path, kernel):
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    specs = [
        vms.VmSpec("a", kernel, MIB, disk=str(tmp_path / "disk")),
        vms.VmSpec("b", kernel, MIB, disk=str(tmp_path / "link")),
    ]
    with pytest.raises(InputError, match="is the disk of two VMs"):
        vms.disks_of(specs)
    specs[0].snapshot = True
    with pytest.raises(InputError, match="would have to be readonly or snapshot in both"):
        vms.disks_of(specs)
    specs[0].snapshot, specs[1].snapshot = False, True
    with pytest.raises(InputError, match="is the disk of two VMs"):
        vms.disks_of(specs)


def test_vms_share_an_image_that_none_writes(tmp_path, kernel, images):
    image = str(tmp_path / "disk")
    specs = [
        vms.VmSpec("a", kernel, 32 * MIB, disk=image, snapshot=True),
        vms.VmSpec("b", kernel, 32 * MIB, disk=image, readonly=True),
    ]
    assert vms.disks_of(specs) == [DiskSpec(image, snapshot=True), DiskSpec(image, readonly=True)]
    chosen = plan(images, specs)[1].child("chosen")
    assert [node.u32("disk") for node in chosen.children] == [0, 1]


# -- without the hypervisor


def bare(program, **kwargs):
    root = Node("", {}, [Node("chosen", {})])
    result = boot.plan_bare(root, RAM, 256 * MIB, str(program), **kwargs)
    [blob] = [load.data for load in result.loads if load.address == result.dtb_address]
    return result, dtb.parse(blob).child("chosen")


def test_bare_with_kernel_and_initrd(images, tmp_path):
    kernel, initrd = tmp_path / "Image", tmp_path / "initrd"
    kernel.write_bytes(linux_image(image_size=4 * MIB))
    initrd.write_bytes(b"i" * 5000)
    result, chosen = bare(images[0], kernel=str(kernel), initrd=str(initrd), append="a b")
    disjoint(result, 256 * MIB)
    assert result.dtb_address == RAM + 254 * MIB
    assert chosen.string("bootargs") == "a b"
    start, end = chosen.u64s("linux,initrd-start")[0], chosen.u64s("linux,initrd-end")[0]
    assert end - start == 5000 and start % 0x1000 == 0
    info = next(load.data for load in result.loads if load.address == result.info_address)
    assert struct.unpack("<6Q", info)[2] == RAM + 0x200000


def test_bare_raw_binaries(tmp_path):
    firmware, kernel = tmp_path / "fw.bin", tmp_path / "kernel.bin"
    firmware.write_bytes(b"\x13\0\0\0")
    kernel.write_bytes(b"\x13\0\0\0")
    result, _ = bare(firmware, kernel=str(kernel))
    assert [load.address for load in result.loads[:2]] == [RAM, RAM + 0x200000]
    assert result.entry == RAM


def test_bare_overlap(images, tmp_path):
    kernel = tmp_path / "k.elf"
    kernel.write_bytes(Elf([Part(RAM + 0x8000, b"\x6f\0\0\0")], entry=RAM + 0x8000).build())
    with pytest.raises(InputError, match="k.elf: 0x80008000..0x80008004 overlaps .*sbi.elf"):
        bare(images[0], kernel=str(kernel))


def test_initrd_that_does_not_fit(images, tmp_path):
    initrd = tmp_path / "initrd"
    with open(initrd, "wb") as file:
        file.truncate(300 * MIB)
    with pytest.raises(InputError, match="initrd: is 314572800 bytes long, more than the 268435456 that fit"):
        bare(images[0], initrd=str(initrd))
    os.truncate(initrd, 255 * MIB)
    with pytest.raises(UsageError, match="initrd: no room for 255 MiB in 256 MiB of RAM"):
        bare(images[0], initrd=str(initrd))
    initrd.write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        bare(images[0], initrd=str(initrd))


SCALARS = st.one_of(
    st.integers(-(1 << 70), 1 << 70),
    st.booleans(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["64M", "uart", "k"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=2), inner, max_size=2)),
)
TABLE = st.dictionaries(st.sampled_from([*vms.VM_KEYS, *vms.MACHINE_KEYS, "other"]), VALUES, max_size=5)


def toml_value(value):
    """Any of the values above as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}" = {toml_value(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return json.dumps(value).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.lists(TABLE, max_size=3), VALUES), st.one_of(TABLE, VALUES))
def test_any_toml(tmp_path_factory, entries, machine):
    """A description or one line that names the file, whatever the file says."""
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(
        f"vm = {toml_value(entries)}\nmachine = {toml_value(machine)}\n", encoding="utf-8", errors="replace"
    )
    try:
        description = vms.load_toml(str(path))
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert 1 <= len(description.vms) <= 16
        assert all(1 <= vm.vcpus <= 8 and vm.memory >= 2 * MIB for vm in description.vms)


def test_shares_in_the_node(kernel, images):
    """What is not the default goes to the hypervisor; a hart that the machine lacks is refused."""
    root = Node("", {}, [Node("cpus", {}, [Node("cpu@0"), Node("cpu@1")])])
    spec = vms.VmSpec("a", kernel, 32 * MIB, weight=512, cap=50, harts=(1, 0))
    vms.plan_hypervisor(root, RAM, 128 * MIB, *images, [spec, vms.VmSpec("b", kernel, 32 * MIB)])
    first, second = (root.child("chosen").child(f"rvh,vm@{n}") for n in (0, 1))
    assert [first.cells(key) for key in ("weight", "cap", "harts")] == [[512], [50], [1, 0]]
    assert not {"weight", "cap", "harts"} & set(second.props)
    with pytest.raises(UsageError, match="VM c wants hart 2; the machine has 2"):
        vms.plan_hypervisor(root, RAM, 128 * MIB, *images, [vms.VmSpec("c", kernel, 32 * MIB, harts=(2,))])


def test_partitions_share_a_disk(kernel):
    def vm(name, disk, partition=None, **more):
        return vms.VmSpec(name, kernel, 32 * MIB, disk=disk, partition=partition, **more)

    pair = [vm("a", "x", 1), vm("b", "y"), vm("c", "x", 2)]
    assert vms.disks_of(pair) == [DiskSpec("x", False, False), DiskSpec("y", False, False)]
    for wrong, text in (
        ([vm("a", "x", 1), vm("b", "x", 1)], "partition 1 is that of two VMs"),
        ([vm("a", "x", 1), vm("b", "x")], "is the disk of two VMs"),
        ([vm("a", "x"), vm("b", "x", 1)], "is the disk of two VMs"),
        ([vm("a", "x", 1), vm("b", "x", 2, readonly=True)], "differ in readonly or snapshot"),
    ):
        with pytest.raises(InputError, match=text):
            vms.disks_of(wrong)
