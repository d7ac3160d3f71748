"""The command as a process: exit statuses, messages, files."""

import os
import signal
import struct
import subprocess
import sys
import time

import pytest
from programs import COMMAND, ECHO, ECHO_INTERRUPT, ENV, FAIL, FINISH, HELLO, PASS, SLEEP, SPIN, lines, program, rvh_run

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from elf_files import Elf, Part  # noqa: E402

from rvh import dtb  # noqa: E402
from rvh.emit.asm import assemble  # noqa: E402

RAM = 0x8000_0000


def test_version():
    done = rvh_run("--version")
    assert done.returncode == 0 and done.stdout.startswith(b"rvh ") and done.stderr == b""


def test_version_loads_neither_the_core_nor_numpy():
    code = "import sys; from rvh.cli.run import main; main(['--version']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=ENV, check=True)
    loaded = done.stdout.decode().split()
    assert "rvh.cli.run" in loaded
    assert not {"numpy", "rvh._fast", "rvh.machine", "elftools", "argparse"} & set(loaded)


def test_help():
    done = rvh_run("--help")
    assert done.returncode == 0
    assert b"--max-insns" in done.stdout and b"Exit status" in done.stdout


# -- the end of a run


def test_pass(tmp_path):
    done = rvh_run("--bare", program(tmp_path, PASS))
    assert done.returncode == 0 and done.stdout == b""
    [line] = lines(done.stderr)
    assert line.startswith("the machine powered off (") and "instructions in" in line


def test_console_is_on_stdout(tmp_path):
    done = rvh_run("--bare", program(tmp_path, HELLO))
    assert (done.returncode, done.stdout) == (0, b"hello\n")


def test_fail(tmp_path):
    done = rvh_run("--bare", program(tmp_path, FAIL))
    assert done.returncode == 1
    assert lines(done.stderr)[-1].startswith("the machine reported failure, code 1 (system failure)")


def htif(tmp_path, value):
    """A program that stores to tohost, in the style of riscv-tests."""
    code = assemble(f"la t0, tohost\nli t1, {value}\nsd t1, 0(t0)\n1: j 1b\n.balign 64\ntohost: .dword 0\n")
    path = tmp_path / "test.elf"
    path.write_bytes(Elf([Part(RAM, code.data)], symbols={"tohost": code.symbols["tohost"]}).build())
    return path


def test_htif_pass_and_fail(tmp_path):
    done = rvh_run("--bare", htif(tmp_path, 1))
    assert done.returncode == 0 and lines(done.stderr)[-1].startswith("the test passed (")
    done = rvh_run("--bare", htif(tmp_path, 3 << 1 | 1))
    assert done.returncode == 1 and lines(done.stderr)[-1].startswith("test 3 failed (")


@pytest.mark.parametrize("address", [0x10, 0x80FFFFF0, RAM + (256 << 20) - 8, 0xFFFF_FFFF_FFF0])
def test_htif_with_bad_addresses(tmp_path, address):
    """A system call at no address is answered, if at all, with an error; the run goes on."""
    code = assemble(f"la t0, tohost\nli t1, {address}\nsd t1, 0(t0)\n1: j 1b\n.balign 64\ntohost: .dword 0\n")
    path = tmp_path / "test.elf"
    path.write_bytes(Elf([Part(RAM, code.data)], symbols={"tohost": code.symbols["tohost"]}).build())
    assert rvh_run("--bare", path, "--max-insns", 100).returncode == 3


def test_instruction_limit(tmp_path):
    done = rvh_run("--bare", program(tmp_path, SPIN), "--max-insns", "1000", "--harts", "2")
    assert done.returncode == 3
    assert [line[:40] for line in lines(done.stderr)[:-1]] == [
        "hart 0: runs in M-mode at pc 0x80000000,",
        "hart 1: runs in M-mode at pc 0x80000000,",
    ]
    assert lines(done.stderr)[-1].startswith("the limit of 1000 instructions was reached (1,000 instructions")


def test_a_trap_that_nobody_handles(tmp_path):
    """One line says which instruction, why there, and that the handler itself cannot run."""
    done = rvh_run("--bare", program(tmp_path, "li t0, 0x40\ncsrw mtvec, t0\nlw a0, 16(zero)\n"), "--max-insns", 100)
    assert done.returncode == 3
    assert lines(done.stderr)[1].startswith(
        "hart 0 cannot get over this trap: instruction access fault (exception 1) by an instruction that cannot be "
        "read at 0x40 in M-mode, taken into M-mode: a trap from M-mode stays in M-mode. "
        "The fetch at 0x40: there is neither RAM nor a device"
    )
    done = rvh_run(
        "--bare",
        program(tmp_path, "la t0, 1f\ncsrw mtvec, t0\nlw a0, 16(zero)\n.align 2\n1: j 1b\n"),
        "--max-insns",
        100,
    )
    assert "load access fault (exception 5) by lw a0, 16(zero) at 0x8000000c in M-mode" in lines(done.stderr)[1]
    assert "The load at 0x10: there is neither RAM nor a device at 0x10" in lines(done.stderr)[1]


def test_htif_failure_after_a_trap(tmp_path):
    code = assemble("""
        la t0, 1f; csrw mtvec, t0; csrr a0, 0x7ff
        .align 2
    1:  la t0, tohost; li t1, 7; sd t1, 0(t0)
    2:  j 2b
        .balign 64
    tohost: .dword 0
    """)
    path = tmp_path / "test.elf"
    path.write_bytes(Elf([Part(RAM, code.data)], symbols={"tohost": code.symbols["tohost"]}).build())
    done = rvh_run("--bare", path)
    assert done.returncode == 1
    assert "hart 0 ended after this trap: illegal instruction (exception 2) by csrr a0, 0x7ff" in lines(done.stderr)[0]
    assert lines(done.stderr)[0].endswith('This hart has no CSR of that number ("CSR Address Mapping Conventions")')


def test_time_limit(tmp_path):
    done = rvh_run("--bare", program(tmp_path, SPIN), "--timeout", "0.2")
    assert done.returncode == 3 and lines(done.stderr)[-1].startswith("the limit of 0.2 seconds was reached")


def test_time_limit_while_everything_waits(tmp_path):
    """An open pipe could still bring input that the guest listens for: only the limit ends this."""
    read, write = os.pipe()
    with os.fdopen(read) as stdin, os.fdopen(write, "w"):
        done = subprocess.run(
            [*COMMAND, "--bare", program(tmp_path, ECHO_INTERRUPT), "--timeout", "0.3"],
            stdin=stdin, capture_output=True, timeout=60, env=ENV,
        )  # fmt: skip
    assert done.returncode == 3


def test_stuck(tmp_path):
    done = rvh_run("--bare", program(tmp_path, SLEEP), "--harts", "2")
    assert done.returncode == 4
    said = lines(done.stderr)
    assert said[0].startswith("hart 0: waits for an interrupt in M-mode at pc 0x8000000")
    assert said[1].startswith("hart 1: waits")
    assert said[2].startswith("nothing can ever run again")


def test_stuck_although_input_came_that_nobody_reads(tmp_path):
    assert rvh_run("--bare", program(tmp_path, SLEEP), stdin=b"hello?").returncode == 4


def test_restart(tmp_path):
    """The first life asks for a reset, the second finds RAM as loaded; the limit holds for both."""
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(4096))
    source = """
        la t0, flag
        lw t1, 0(t0)
        bnez t1, 2f
        li t2, 1
        sw t2, 0(t0)
        li a0, 0x7777
    """ + FINISH + "2: li a0, 0x23333\n j finish\n.balign 4\nflag: .word 0\n"  # fmt: skip
    done = rvh_run("--bare", program(tmp_path, source), "--disk", image, "--max-insns", "300")
    assert done.returncode == 3
    said = lines(done.stderr)
    assert said.count("the machine restarts") >= 3
    assert said[-1].startswith("the limit of 300 instructions was reached (300 instructions")


# -- input


@pytest.mark.parametrize("source", [ECHO, ECHO_INTERRUPT])
def test_piped_input(tmp_path, source):
    text = bytes(range(32, 112)) * 100 + b"q"
    done = rvh_run("--bare", program(tmp_path, source), stdin=text)
    assert (done.returncode, done.stdout) == (0, text)


def test_input_that_comes_late(tmp_path):
    with subprocess.Popen(
        [*COMMAND, "--bare", program(tmp_path, ECHO_INTERRUPT)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV,
    ) as process:  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        for part in (b"one", b"two", b"q"):
            time.sleep(0.2)
            process.stdin.write(part)
            process.stdin.flush()
        assert process.stdout.read() == b"onetwoq"
        assert process.wait(60) == 0


def test_closed_standard_files(tmp_path):
    path = program(tmp_path, HELLO)
    for redirect, status in (("<&-", 0), (">&-", 0), ("2>&-", 0)):
        script = f'exec "$0" -m rvh.cli.run --bare {path} {redirect}'
        done = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, timeout=60, env=ENV)
        assert done.returncode == status, (redirect, done)
        assert b"Traceback" not in done.stderr


def test_output_into_a_closed_pipe(tmp_path):
    source = "li t0, 0x10000000\n1: sb t0, 0(t0)\n j 1b\n"
    script = f'"$0" -m rvh.cli.run --bare {program(tmp_path, source)} --timeout 30 | head -c 10 >/dev/null'
    done = subprocess.run(["sh", "-c", script, sys.executable], capture_output=True, timeout=60, env=ENV)
    assert lines(done.stderr)[-1].startswith("standard output was closed")


@pytest.mark.parametrize(
    "number, status, words",
    [(signal.SIGINT, 130, "ended by the user"), (signal.SIGTERM, 143, "ended by SIGTERM"),
     (signal.SIGHUP, 129, "ended by SIGHUP")],
)  # fmt: skip
def test_signals(tmp_path, number, status, words):
    source = "li t0, 0x10000000\nli t1, 'x'\nsb t1, 0(t0)\n" + SPIN
    with subprocess.Popen(
        [*COMMAND, "--bare", program(tmp_path, source)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(1) == b"x"
        process.send_signal(number)
        assert process.wait(60) == status
        assert lines(process.stderr.read())[-1].startswith(words)


# -- unusable input: status 2, one line, the file named


def refused(*args, stdin=b""):
    done = rvh_run(*args, stdin=stdin)
    assert done.returncode == 2 and done.stdout == b""
    [line] = lines(done.stderr)
    return line


def test_unusable_programs(tmp_path):
    elf = Elf().build()
    for name, blob, words in (
        ("empty", b"", "is empty"),
        ("truncated", elf[:70], "is truncated"),
        ("elf32", Elf(elf_class=1).build(), "is a 32-bit ELF file"),
        ("x86", Elf(machine=62).build(), "not for RISC-V"),
        ("outside", Elf([Part(0x1000, bytes(8))], entry=0x1000).build(), "lies outside RAM"),
        ("noseg", Elf([]).build(), "has no segments to load"),
    ):
        path = tmp_path / name
        path.write_bytes(blob)
        for args in (("--bare", path), (path,), ("--bare", program(tmp_path, PASS), "--kernel", path)):
            line = refused(*args)
            assert line.startswith(f"{path}: ") and words in line
        assert path.read_bytes() == blob


@pytest.mark.parametrize("option", ["--kernel", "--initrd", "--dtb", "--disk"])
def test_unreadable_files(tmp_path, option):
    guest = program(tmp_path, PASS)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, words in (
        (tmp_path / "absent", "no such file or directory"),
        (tmp_path, "is a directory"),
        (fifo, "is not a regular file"),
    ):
        assert refused("--bare", guest, option, path).startswith(f"{path}: {words}")


def test_unreadable_programs(tmp_path):
    for args in (("--bare", tmp_path), (tmp_path,), (tmp_path / "no.toml",), ("--bare", "a\0b".replace("\0", "\n"))):
        refused(*args)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden_files(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes(b"x" * 512)
    path.chmod(0)
    assert refused("--bare", path) == f"{path}: permission denied"


def test_odd_characters(tmp_path):
    """File names and arguments are bytes; messages are one printable line."""
    line = refused("--bare", b"no\xff\x1b[31m\nsuch")
    assert line.isprintable() and line.endswith("no such file or directory")
    dumped = rvh_run("--bare", program(tmp_path, PASS), "--append", b"a=\xff\xc3\xa4", "--dump-dtb", "-")
    assert dtb.parse(dumped.stdout).child("chosen")["bootargs"] == b"a=\xff\xc3\xa4\0"


def test_malformed_toml_and_device_tree(tmp_path):
    toml = tmp_path / "vms.toml"
    toml.write_text("[[vm]\n")
    assert refused(toml).startswith(f"{toml}: is not valid TOML: ")
    blob = tmp_path / "bad.dtb"
    blob.write_bytes(b"\xd0\x0d\xfe\xed" + bytes(60))
    assert refused("--bare", program(tmp_path, PASS), "--dtb", blob).startswith(f"{blob}: device tree")


def test_overlapping_modules(tmp_path):
    kernel = tmp_path / "kernel.elf"
    kernel.write_bytes(Elf([Part(RAM, bytes(8))]).build())
    assert "overlaps" in refused("--bare", program(tmp_path, PASS), "--kernel", kernel)


def test_absurd_sizes(tmp_path):
    guest = program(tmp_path, PASS)
    assert "no room" in refused("--bare", guest, "--memory", "4K")
    assert "--memory" in refused("--bare", guest, "--memory", "9999T")
    initrd = tmp_path / "initrd"
    with open(initrd, "wb") as file:
        file.truncate(1 << 40)
    assert str(initrd) in refused("--bare", guest, "--initrd", initrd)


def test_the_same_disk_twice(tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(512))
    assert refused("--bare", program(tmp_path, PASS), "--disk", disk, "--disk", disk).startswith(f"{disk}: is in use")


def test_unknown_isa(tmp_path):
    assert refused("--bare", program(tmp_path, PASS), "--isa", "rv32i").startswith("--isa: ")


def test_outputs_that_cannot_be_written(tmp_path):
    guest = program(tmp_path, PASS)
    assert refused("--bare", guest, "--dump-dtb", tmp_path).startswith(f"{tmp_path}: is a directory")
    line = refused("--bare", guest, "--dump-dtb", tmp_path / "no" / "x.dtb")
    assert line.endswith("no such file or directory")


def test_bad_input_touches_no_file(tmp_path):
    disk = tmp_path / "disk.img"
    disk.write_bytes(b"precious" * 64)
    before = os.stat(disk).st_mtime_ns
    refused("--bare", tmp_path / "absent", "--disk", disk, "--signature", tmp_path / "sig")
    assert disk.read_bytes() == b"precious" * 64 and os.stat(disk).st_mtime_ns == before
    assert not (tmp_path / "sig").exists()


# -- files that are asked for


def test_dump_dtb(tmp_path):
    path = tmp_path / "m.dtb"
    done = rvh_run(
        "--bare", program(tmp_path, PASS), "--harts", 3, "--memory", "64M", "--append", "hi", "--dump-dtb", path
    )
    assert done.returncode == 0
    root = dtb.load(path)
    assert root.child("chosen").string("bootargs") == "hi"
    assert root.child("chosen").string("stdout-path") == "/soc/serial@10000000"
    assert root.child("memory").u64s("reg") == [RAM, 64 << 20]
    assert [node.name for node in root.child("cpus").children] == ["cpu@0", "cpu@1", "cpu@2", "cpu-map"]
    plic = root.find("/soc/plic@c000000")
    handles = {node.u32("phandle") for _, node in root.walk() if "phandle" in node}
    assert plic.u32("riscv,ndev") == 95 and len(plic.cells("interrupts-extended")) == 12
    assert set(plic.cells("interrupts-extended")[::2]) <= handles
    assert root.child("poweroff").u32("regmap") == root.find("/soc/test@100000").u32("phandle")
    assert root.child("pmu").cells("riscv,event-to-mhpmevent") == [1, 0, 1, 2, 0, 2]
    slots = [node for node in root.child("soc").children if node.name.startswith("virtio_mmio@")]
    assert sorted(node.u32("interrupts") for node in slots) == list(range(1, 9))
    assert {node.u32("interrupt-parent") for node in slots} == {plic.u32("phandle")}
    again = rvh_run("--bare", program(tmp_path, PASS), "--dtb", path, "--append", "two", "--dump-dtb", "-")
    assert dtb.parse(again.stdout).child("chosen").string("bootargs") == "two"


def test_signature(tmp_path):
    code = assemble(PASS + ".balign 16\nsig: .word 0x12345678, 0xdeadbeef, 1\n")
    at = code.symbols["sig"]
    path, out = tmp_path / "t.elf", tmp_path / "sig"
    symbols = {"begin_signature": at, "end_signature": at + 12}
    path.write_bytes(Elf([Part(RAM, code.data)], symbols=symbols).build())
    assert rvh_run("--bare", path, "--signature", out).returncode == 0
    assert out.read_text() == "12345678\ndeadbeef\n00000001\n"
    assert rvh_run("--bare", path, "--signature", out, "--signature-granularity", 8).returncode == 0
    assert out.read_text() == "deadbeef12345678\n0000000000000001\n"


def test_signature_without_symbols(tmp_path):
    done = rvh_run("--bare", program(tmp_path, PASS), "--signature", tmp_path / "sig")
    assert done.returncode == 2 and "begin_signature" in lines(done.stderr)[-1]
    assert not (tmp_path / "sig").exists()


def test_virtio_console(tmp_path):
    """Its emergency register prints without a driver; slot 6 has the console."""
    source = "li t0, 0x10007108\nli t1, 'v'\nsw t1, 0(t0)\n" + PASS
    assert rvh_run("--bare", program(tmp_path, source)).stdout == b"v"
    out = tmp_path / "console.txt"
    done = rvh_run("--bare", program(tmp_path, source), "--virtio-console", out)
    assert (done.stdout, out.read_bytes()) == (b"", b"v")


def test_stats(tmp_path):
    done = rvh_run("--bare", program(tmp_path, PASS), "--stats", "--harts", 2)
    said = lines(done.stderr)
    assert said[0].startswith("hart 0: instructions ") and said[1].startswith("hart 1: ")
    assert said[-1].startswith("the machine powered off")


def test_trace(tmp_path):
    log = tmp_path / "trace.log"
    done = rvh_run("--bare", program(tmp_path, HELLO), "--trace", log)
    assert (done.returncode, done.stdout) == (0, b"hello\n")
    said = log.read_text().splitlines()
    assert said[0] == "core   0: 3 0x0000000080000000 (0x00000597) x11 0x0000000080000000"
    assert f"({len(said)} instructions" in lines(done.stderr)[-1]
    sent = [line for line in said if " mem 0x0000000010000000 " in line]
    assert bytes(int(line.rpartition(" ")[2], 16) for line in sent) == b"hello\n"
    assert refused("--bare", program(tmp_path, PASS), "--trace", tmp_path).endswith("is a directory")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_disk(tmp_path):
    for option in ("--trace", "--virtio-console"):
        source = "li t0, 0x10007108\nli t1, 'v'\nsw t1, 0(t0)\n" + PASS
        done = rvh_run("--bare", program(tmp_path, source), option, "/dev/full")
        assert done.returncode == 2
        assert lines(done.stderr) == ["/dev/full: no space left on device"]


def test_boot_registers(tmp_path):
    """a0 the hart, a1 the device tree, a2 fw_dynamic_info: printed by the guest through the UART."""
    source = """
        li t0, 0x10000000
        bnez a0, 3f
        mv s0, a1
        li s1, 4
    1:  lbu t1, 0(s0)
        sb t1, 0(t0)
        addi s0, s0, 1
        addi s1, s1, -1
        bnez s1, 1b
        ld t1, 0(a2)
        li s1, 4
    2:  sb t1, 0(t0)
        srli t1, t1, 8
        addi s1, s1, -1
        bnez s1, 2b
        li a0, 0x5555
    """ + FINISH + "3: j 3b\n"  # fmt: skip
    done = rvh_run("--bare", program(tmp_path, source), "--harts", 2)
    assert done.stdout == b"\xd0\x0d\xfe\xed" + struct.pack("<I", 0x4942534F)


def test_two_runs_say_the_same(tmp_path):
    """Everything but the seconds: counts and output are the machine's own."""
    results = [
        rvh_run(
            "--bare",
            program(tmp_path, ECHO),
            stdin=b"abcq",
        )
        for _ in range(2)
    ]
    counts = [lines(done.stderr)[-1].split(" instructions")[0].rpartition("(")[2] for done in results]
    assert results[0].stdout == results[1].stdout == b"abcq"
    assert all(count.replace(",", "").isdigit() for count in counts)


def test_full_standard_files(tmp_path):
    path = program(tmp_path, HELLO)
    with open("/dev/full", "wb") as full:
        env = {key: value for key, value in ENV.items() if key != "PYTHONUNBUFFERED"}
        command = [*COMMAND, "--bare", path]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env)
        assert (done.returncode, lines(done.stderr)) == (2, ["standard output: no space left on device"])
        assert subprocess.run(command, stderr=full, stdin=subprocess.DEVNULL, env=env).returncode == 0


@pytest.mark.parametrize("option", ["--trace", "--dump-dtb", "--virtio-console"])
@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_no_input_is_overwritten_under_another_name(tmp_path, option, link):
    path = program(tmp_path, HELLO)
    before = open(path, "rb").read()
    other = tmp_path / "other"
    link(path, other)
    refused("--bare", path, option, other)
    description = tmp_path / "vms.toml"
    description.write_text(f'[[vm]]\nkernel = "{path}"\n')
    refused(description, option, other)
    assert open(path, "rb").read() == before
