"""VMs under the hypervisor, from the command line to the exit status."""

import os
from pathlib import Path

import pytest
from programs import lines, rvh_run

import rvh

IMAGES = Path(rvh.__file__).parent / "images"
NEEDED = ("sbi", "hv", "hello", "timer", "smp", "blk")
MISSING = [name for name in NEEDED if not (IMAGES / f"{name}.elf").exists()]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"images not built: {', '.join(MISSING)}")


def guest(name):
    return IMAGES / f"{name}.elf"


def of(output: bytes, label: str) -> list[str]:
    """The lines of one VM, without its label."""
    start = f"[{label}] "
    return [line[len(start) :] for line in output.decode().splitlines() if line.startswith(start)]


def test_demo():
    done = rvh_run()
    assert done.returncode == 0, done
    assert lines(done.stderr)[-1].startswith("all guests powered off (")
    for name in ("hello", "timer", "smp"):
        assert of(done.stdout, name)
    assert of(done.stdout, "hello")[-1] == "goodbye"
    assert of(done.stdout, "hv")[-1].startswith("the run ends: all 3 VMs powered off")


def test_the_demo_repeats_exactly():
    first, second = rvh_run(), rvh_run()
    assert first.stdout == second.stdout
    counts = [done.stderr.split(b" instructions")[0] for done in (first, second)]
    assert counts[0] == counts[1]


def test_options_reach_the_guests():
    done = rvh_run(guest("hello"), guest("hello"), "--append", "one two", "--vm-memory", "32M", "--harts", 1)
    assert done.returncode == 0
    for name in ("hello", "hello2"):
        text = "\n".join(of(done.stdout, name))
        assert "bootargs one two" in text and "32 MiB" in text


def test_toml_with_a_disk(tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(2048 * 512))
    os.symlink(guest("blk"), tmp_path / "blk.elf")
    (tmp_path / "vms.toml").write_text(
        f"""
        [machine]
        harts = 1
        [[vm]]
        name = "writer"
        kernel = "blk.elf"
        disk = "disk.img"
        serial = "number-1"
        [[vm]]
        name = "greeter"
        kernel = "{guest("hello")}"
        append = "from toml"
        """
    )
    done = rvh_run(tmp_path / "vms.toml", "--stats")
    assert done.returncode == 0, done
    assert any("2048 sectors" in line for line in of(done.stdout, "writer"))
    assert "write-zeroes: right; discard: right; serial number-1" in of(done.stdout, "writer")
    assert "bootargs from toml" in of(done.stdout, "greeter")
    assert disk.read_bytes() != bytes(2048 * 512)
    said = lines(done.stderr)
    assert any(line.startswith("hart 0: ") for line in said) and not any(line.startswith("hart 1: ") for line in said)
    assert any(line.startswith("virtio slot 0: read ") and "errors 0" in line for line in said)


def test_a_failing_guest():
    """blk without a disk has nothing to test and says so."""
    done = rvh_run(guest("blk"), guest("hello"))
    assert done.returncode == 1
    assert lines(done.stderr)[-1].startswith("a guest reported failure or was stopped for a fault (")
    assert of(done.stdout, "hello")[-1] == "goodbye"


def test_a_read_only_disk(tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(2048 * 512))
    before = os.stat(disk).st_mtime_ns
    done = rvh_run(guest("blk"), "--disk-ro", disk)
    assert any("2048 sectors" in line for line in of(done.stdout, "blk"))
    assert disk.read_bytes() == bytes(2048 * 512) and os.stat(disk).st_mtime_ns == before


def test_limit():
    done = rvh_run("--max-insns", 100000)
    assert done.returncode == 3


def test_too_little_memory():
    done = rvh_run(guest("hello"), "--memory", "64M")
    assert done.returncode == 2
    assert lines(done.stderr) == ["the VMs want 64 MiB of memory, the machine has 64 MiB; give it more --memory"]


def test_no_colour_in_a_pipe():
    assert b"\x1b" not in rvh_run(guest("hello")).stdout


def test_a_large_vm():
    done = rvh_run(guest("hello"), "--vm-memory", "5G")
    assert done.returncode == 0
    assert any(line.startswith("memory   5120 MiB") for line in of(done.stdout, "hello"))


@pytest.mark.parametrize(
    "arguments", [("--initrd", "big"), ("--append", "a" * 70_000), ("--vm-memory", "1T"), ("--vm-memory", "2M")]
)
def test_what_a_vm_cannot_hold_is_refused(tmp_path, arguments):
    (tmp_path / "big").write_bytes(bytes(64 << 20))
    option, value = arguments
    done = rvh_run(guest("hello"), option, str(tmp_path / value) if value == "big" else value)
    assert (done.returncode, done.stdout, len(lines(done.stderr))) == (2, b"", 1)


def test_the_largest_boot_arguments(tmp_path):
    done = rvh_run(guest("hello"), "--append", "a" * 32_768)
    assert done.returncode == 0


def test_a_fifo_is_no_kernel(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    done = rvh_run(tmp_path / "fifo")
    assert done.returncode == 2 and lines(done.stderr)[0].endswith("is not a regular file (VM fifo)")


def test_as_many_harts_as_there_can_be():
    done = rvh_run(guest("smp"), "--harts", "64", "--vcpus", "8")
    assert done.returncode == 0
    assert any(line.startswith("smp: 8 harts, all totals exact") for line in of(done.stdout, "smp"))


@pytest.mark.parametrize("isa, missing", [("rv64g", "C, H"), ("rv64i", "M, A, C, H"), ("rv64gch_no-zicntr", "Zicntr")])
def test_an_isa_too_small_for_the_hypervisor(isa, missing):
    done = rvh_run("--isa", isa)
    assert done.returncode == 2 and done.stdout == b""
    (line,) = lines(done.stderr)
    assert f"--isa {isa}: the hypervisor needs {missing}" in line


def test_a_hypervisor_that_is_no_elf(tmp_path):
    (tmp_path / "hv").write_bytes(b"not an ELF file, but long enough for anything" * 10)
    done = rvh_run("--hypervisor", tmp_path / "hv")
    assert done.returncode == 2
    assert lines(done.stderr) == [f"{tmp_path / 'hv'}: is not an ELF file; a hypervisor has to be one"]
