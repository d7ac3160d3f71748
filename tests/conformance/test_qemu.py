"""The cross-check of two machines: the same hypervisor and guests under the same OpenSBI, on QEMU's `virt` and here.

Each guest must print the same lines. Lines are compared guest by guest, since how the guests' turns interleave is a
matter of time; QEMU's follows the host's clock.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from images import TESTS, image, qemu_loads, rvh_run, tail

from rvh import dtb, vms
from rvh.isa import extensions

sys.path.insert(0, str(TESTS / "firmware"))
from vector_guests import intruder, keeper  # noqa: E402

QEMU = "qemu-system-riscv64"
CPU = "rv64,h=true"
MACHINE = ["-smp", "2", "-m", "768M", "-nographic"]
RAM_BASE, RAM_SIZE = 0x8000_0000, 768 << 20
#: OpenSBI as Debian's packages opensbi and qemu-system-misc install it.
FIRMWARE = (
    "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin",
    "/usr/share/qemu/opensbi-riscv64-generic-fw_dynamic.bin",
)
GUESTS = {"hello": 1, "timer": 1, "smp": 2, "hostile": 1, "sbicheck": 2}


@pytest.fixture(scope="module")
def firmware() -> str:
    if shutil.which(QEMU) is None:
        pytest.skip(f"{QEMU} is not installed")
    for path in FIRMWARE:
        if os.path.isfile(path):
            return path
    pytest.skip("no OpenSBI fw_dynamic.bin is installed")


@pytest.fixture(scope="module")
def qemu_tree(tmp_path_factory, firmware) -> dtb.Node:
    """The device tree that QEMU makes for the machine."""
    return tree_of(CPU, tmp_path_factory.mktemp("qemu"))


def tree_of(cpu: str, folder: Path) -> dtb.Node:
    path = folder / "virt.dtb"
    command = [QEMU, "-M", f"virt,dumpdtb={path}", "-cpu", cpu, *MACHINE]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return dtb.parse(path.read_bytes())


def isa_for_rvh(tree: dtb.Node) -> tuple[str, set[str]]:
    """QEMU's ISA string for --isa, and the words in which the two strings may differ: what rvh does not have, and what
    QEMU has without saying so."""
    (cpu, *_) = (node for node in tree.child("cpus").children if node.name.startswith("cpu@"))
    text = cpu["riscv,isa"]
    known = {name.lower() for name in extensions.EXTENSIONS}
    base, *words = (text if isinstance(text, str) else text.rstrip(b"\0").decode()).split("_")
    unsaid = {"zicntr", "zihpm", "sv57"} - set(words)
    here = "_".join([base, *(word for word in words if word in known), *sorted(unsaid)])
    implied = {name.lower() for name in extensions.parse(here)} - set(words)
    return here, unsaid | implied | {word for word in words if word not in known}


def run_qemu(
    tmp_path: Path,
    tree: dtb.Node,
    firmware: str,
    guests: dict[str, int],
    append: str | None = None,
    balloon: int | None = None,
    overcommit: bool = False,
    cpu: str = CPU,
) -> str:
    """Boots the hypervisor on QEMU the way `rvh-run` does: each module where the device tree says it is. The guests, of
    so many vCPUs each, are paths or names of images."""
    hypervisor = str(image("hv"))
    paths = {name: name if name.endswith(".elf") else str(image(name)) for name in guests}
    specs = [
        vms.VmSpec(Path(name).stem, paths[name], 64 << 20, vcpus, append=append, balloon=balloon)
        for name, vcpus in guests.items()
    ]
    # QEMU puts the device tree at the top of RAM; our modules go below the middle.
    ram = RAM_SIZE - (256 << 20)
    plan = vms.plan_hypervisor(tree, RAM_BASE, ram, firmware, hypervisor, specs, overcommit=overcommit)
    command = [QEMU, "-M", "virt", "-cpu", cpu, *MACHINE, "-bios", firmware, "-kernel", hypervisor]
    command += qemu_loads(tmp_path, plan, firmware)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120
    )
    assert done.returncode == 0, tail(done)
    return done.stdout


def run_rvh(tmp_path: Path, isa: str, firmware: str, guests: dict[str, int]) -> str:
    description = "".join(
        f'[[vm]]\nname = "{name}"\nkernel = "{image(name)}"\nmemory = "64M"\nvcpus = {vcpus}\n'
        for name, vcpus in guests.items()
    )
    path = tmp_path / "vms.toml"
    path.write_text(f'[machine]\nharts = 2\nmemory = "768M"\n{description}')
    done = rvh_run(path, "--firmware", firmware, "--isa", isa)
    assert done.returncode == 0, tail(done)
    return done.stdout


def text_by_guest(output: str, guests: dict[str, int], left_out: set[str]) -> dict[str, str]:
    """What each guest printed, without line ends: a line that another guest's output interrupts for long is shown in
    pieces. Extensions that only one machine has are taken out of an ISA string."""
    texts = dict.fromkeys(guests, "")
    for line in output.splitlines():
        match = re.match(r"\[(\w+)\] (.*)", line)
        if match and match[1] in texts:
            text = match[2]
            if text.startswith("isa "):
                text = "_".join(word for word in text.split("_") if word not in left_out)
            texts[match[1]] += text
    return texts


def test_guests_print_the_same_lines_on_qemu(tmp_path, qemu_tree, firmware):
    isa, left_out = isa_for_rvh(qemu_tree)
    on_qemu = run_qemu(tmp_path, qemu_tree, firmware, GUESTS)
    here = run_rvh(tmp_path, isa, firmware, GUESTS)
    expected = text_by_guest(on_qemu, GUESTS, left_out)
    assert all(expected.values()), f"a guest is silent on QEMU:\n{on_qemu[-2000:]}"
    assert text_by_guest(here, GUESTS, left_out) == expected
    verdicts = [re.findall(r"^\[hv\] (\w+): (off: .*)", output, re.M) for output in (on_qemu, here)]
    assert sorted(verdicts[0]) == sorted(verdicts[1]) == sorted((name, "off: it powered off") for name in GUESTS)
    # Equal texts would be worth little if both machines failed alike.
    assert expected["hello"].endswith("goodbye")
    assert expected["timer"].endswith("timer: results right, no interrupt came early, pages protected")
    assert expected["smp"].endswith("smp: 2 harts, all totals exact")
    assert re.search(r"hostile: \d+ attacks, 0 escaped$", expected["hostile"])


@pytest.mark.parametrize("overcommit", [False, True], ids=["promised", "overcommit"])
def test_a_balloon_on_qemu(tmp_path, qemu_tree, firmware, overcommit):
    """All that it gives up is empty when it comes back, every second page too; `hostile` attacks its own balloon."""
    guests = {"balloon": 1, "hostile": 1}
    output = run_qemu(tmp_path, qemu_tree, firmware, guests, "odd alone", balloon=24 << 20, overcommit=overcommit)
    said = re.findall(r"^\[balloon\] (.*)", output, re.M)
    assert said[-2:] == ["6144 pages in the balloon, 0 wrong", "0 pages in the balloon, 0 wrong"]
    assert "[hv] balloon: off: it powered off" in output
    assert re.search(r"hostile: \d+ attacks, 0 escaped$", output, re.M)


def test_no_interrupt_is_lost_between_threads_of_the_host(tmp_path, qemu_tree, firmware):
    """QEMU runs each hart in a thread of its own, so that the order of the hypervisor's loads and stores matters."""
    output = run_qemu(tmp_path, qemu_tree, firmware, {"soak": 4}, append="count=20000")
    assert re.search(r"^\[soak\] soak: 4 harts, 2\d{4} interrupts, none lost", output, re.M), output[-2000:]


@pytest.mark.parametrize("vlen", [128, 512])
def test_every_vm_keeps_its_vectors_on_qemu(tmp_path, firmware, vlen):
    """Three VMs on two harts, each many times in the middle of the others' turns, as in tests/firmware."""
    cpu = f"{CPU},v=true,vlen={vlen}"
    guests = {keeper(tmp_path, number, vlen): 1 for number in (1, 2, 3)}
    output = run_qemu(tmp_path, tree_of(cpu, tmp_path), firmware, guests, cpu=cpu)
    assert sorted(re.findall(r"^\[(keep\d)\] (.*)", output, re.M)) == [(f"keep{n}", "kept") for n in (1, 2, 3)], output


def test_a_vector_access_to_a_device_on_qemu(tmp_path, firmware):
    cpu = f"{CPU},v=true,vlen=256"
    output = run_qemu(tmp_path, tree_of(cpu, tmp_path), firmware, {intruder(tmp_path, "intruder"): 1}, cpu=cpu)
    assert re.findall(r"^\[intruder\] (.*)", output, re.M) == ["done"], output
    assert output.count("only scalar loads, stores and AMOs are emulated") == 1
