"""Arguments: what is understood, and one line for what is not."""

import pytest

from rvh.cli.options import parse
from rvh.devices.virtio.backends import DiskSpec, NicSpec
from rvh.errors import UsageError


def test_defaults():
    options = parse([])
    assert (options.inputs, options.bare, options.harts, options.memory, options.seed) == ([], False, None, None, 0)


def test_everything():
    options = parse(
        "--bare fw.elf --kernel Image --initrd i --append x=1 --disk a --disk-ro b --disk c --nics 2 --nic tap,name=t0 "
        "--snapshot --harts 4 --memory 1G --isa rv64gc --clock host --seed host --max-insns 1_000_000 --timeout 2.5 "
        "--signature s --signature-granularity 8 --trace t --stats --dtb d".split()
    )
    assert (options.inputs, options.kernel, options.initrd, options.append) == (["fw.elf"], "Image", "i", "x=1")
    assert options.disks == [DiskSpec("a"), DiskSpec("b", readonly=True), DiskSpec("c")] and options.snapshot
    assert (options.harts, options.memory, options.seed) == (4, 1 << 30, None)
    assert options.nics == [NicSpec("switch"), NicSpec("switch"), NicSpec("tap", "t0")]
    assert (options.max_insns, options.timeout) == (1000000, 2.5)
    assert options.stats and options.bare


def test_kernel_without_bare_is_a_vm():
    options = parse(["a.elf", "--kernel", "Image", "--initrd", "i"])
    assert options.inputs == ["a.elf", "Image"] and options.kernel is None


def test_toml():
    assert parse(["vms.toml"]).toml == "vms.toml"
    assert parse(["a.elf"]).toml is None


@pytest.mark.parametrize(
    "args, words",
    [
        ("--bare", "--bare takes one program, none is given"),
        ("--bare a b", "--bare takes one program, 2 are given"),
        ("--bare a --vcpus 2", "--vcpus makes no sense with --bare"),
        ("--bare a --vm-memory 64M", "--vm-memory makes no sense with --bare"),
        ("a.elf --signature s", "--signature needs --bare"),
        ("a.elf b.toml", "a .toml file describes all VMs"),
        ("a.elf --rnmi-at 5", "--rnmi-at needs --bare or --firmware"),
        ("--bare a --rnmi-vector 8", "--rnmi-vector needs --rnmi-at"),
        ("--bare a --rnmi-at x", "--rnmi-at: 'x' is not a number"),
        ("--bare a --rnmi-at 5,heart=1", "--rnmi-at: '5,heart=1' is not N[,hart=H][,cause=C]"),
        ("--bare a --rnmi-at 5,hart=1,hart=2", "--rnmi-at: '5,hart=1,hart=2' is not N[,hart=H][,cause=C]"),
        ("b.toml --vcpus 2", "--vcpus belongs into the .toml file"),
        ("b.toml --disk d", "--disk belongs into the .toml file"),
        ("b.toml --net", "--net belongs into the .toml file"),
        ("--bare a --net", "--net is for VMs"),
        ("a.elf --virtio-console a.elf", "a.elf would be overwritten"),
        ("--harts 0", "--harts: 0 is out of range"),
        ("--harts 65", "--harts: a machine has 1 to 64 harts, not 65"),
        ("--harts two", "--harts: 'two' is not a number"),
        ("--memory 12Q", "--memory: '12Q' is not a size"),
        ("--memory 5000", "--memory: 5000 is not a whole number of 4 KiB pages"),
        ("--max-insns 0", "--max-insns: 0 is out of range"),
        ("--timeout -1", "--timeout"),
        ("--timeout nan", "--timeout: nan seconds is out of range"),
        ("--clock sun", "--clock: invalid choice: 'sun'"),
        ("--nics x", "--nics: 'x' is not a number"),
        ("--nic wifi", "--nic: 'wifi' is no kind of network card; there are none, switch, tap, stream"),
        ("--nic none --nics 1", "--nic none stands alone"),
        ("--bogus", "unrecognized arguments: --bogus"),
        ("--kernel", "--kernel: expected one argument"),
        ("--mem 1G", "unrecognized arguments: --mem"),
        ("--bare a --trace a", "a would be overwritten"),
        ("--bare a --disk d --signature ./d", "./d would be overwritten"),
        ("--bare a --signature s --trace s", "s would be overwritten"),
    ],
)
def test_refused(args, words):
    with pytest.raises(UsageError) as caught:
        parse(args.split())
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_kernels_and_options_in_any_order():
    options = parse(["a.elf", "--vcpus", "2", "b.elf", "--append", "quiet", "c.elf"])
    assert (options.inputs, options.vcpus, options.append) == (["a.elf", "b.elf", "c.elf"], 2, "quiet")
