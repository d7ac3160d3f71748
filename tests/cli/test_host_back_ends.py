"""Disks and network cards of a run: images that stay as they are, cables to elsewhere, one line for what is wrong."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from programs import ENV, HELLO, PASS, SLEEP, lines, program, rvh_run

import rvh
from rvh.devices.virtio.disk import RawDisk

IMAGES = Path(rvh.__file__).parent / "images"
needs_images = pytest.mark.skipif(
    not all((IMAGES / f"{name}.elf").exists() for name in ("sbi", "hv", "blk")), reason="images not built"
)
SIZE = 2048 * 512


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(SIZE))
    os.utime(path, ns=(10**9, 10**9))
    yield path
    assert path.read_bytes() == bytes(SIZE) and os.stat(path).st_mtime_ns == 10**9


def refused(*arguments):
    """The one line of a run that was refused."""
    done = rvh_run(*arguments)
    assert done.returncode == 2 and done.stdout == b"", done
    [line] = lines(done.stderr)
    return line


# -- disks


@needs_images
def test_snapshot_of_every_disk(image):
    """blk writes all over its disk and verifies it; the image does not change."""
    done = rvh_run(IMAGES / "blk.elf", "--disk", image, "--snapshot", "--stats")
    assert done.returncode == 0, done
    [line] = [line for line in lines(done.stderr) if line.startswith("virtio slot 0: read ")]
    assert "written 0" not in line and "errors 0" in line


@needs_images
def test_two_vms_on_one_image(tmp_path, image):
    (tmp_path / "vms.toml").write_text(
        "".join(f'[[vm]]\nkernel = "{IMAGES / "blk.elf"}"\ndisk = "disk.img"\nsnapshot = true\n' for _ in range(2))
    )
    done = rvh_run(tmp_path / "vms.toml")
    assert done.returncode == 0, done
    for name in ("blk", "blk2"):
        assert f"[hv] {name}: off: it powered off".encode() in done.stdout
    text = (tmp_path / "vms.toml").read_text()
    (tmp_path / "vms.toml").write_text(text.replace("snapshot = true", "", 1))
    assert "is the disk of two VMs" in refused(tmp_path / "vms.toml")
    (tmp_path / "vms.toml").write_text(text.replace("true", "1", 1))
    assert refused(tmp_path / "vms.toml").endswith("vm 1: snapshot is not true or false")
    (tmp_path / "vms.toml").write_text('[[vm]]\nkernel = "x"\nsnapshot = true\n')
    assert refused(tmp_path / "vms.toml").endswith("vm 1: is snapshot but has no disk")


def test_snapshots_beside_a_reader_but_not_beside_a_writer(tmp_path, image):
    guest = program(tmp_path, PASS)
    reader = RawDisk(image, readonly=True)
    assert rvh_run("--bare", guest, "--disk", image, "--disk-ro", image, "--snapshot").returncode == 0
    line = refused("--bare", guest, "--disk", image)
    assert line == f"{image}: is in use by another machine, or as another disk of this one"
    reader.close()
    writer = RawDisk(image)
    for option in (["--disk", image, "--snapshot"], ["--disk-ro", image]):
        assert refused("--bare", guest, *option) == line
    writer.close()


def test_no_room_for_an_overlay(tmp_path, image):
    """A file system that has no files of that size stands in for one that is full."""
    huge = tmp_path / "huge.img"
    with open(huge, "wb") as file:
        file.truncate(SIZE)
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    code += "from rvh.cli.run import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "--bare", str(program(tmp_path, PASS)), "--disk", str(huge), "--snapshot"]
    done = subprocess.run(command, capture_output=True, env=ENV, timeout=60)
    assert done.returncode == 2
    assert f"no room for an overlay of {huge}: file too large" in lines(done.stderr)[0]


@needs_images
def test_an_output_is_no_disk_of_a_vm(tmp_path, image):
    (tmp_path / "vms.toml").write_text(f'[[vm]]\nkernel = "{IMAGES / "blk.elf"}"\ndisk = "disk.img"\n')
    assert "would be overwritten" in refused(tmp_path / "vms.toml", "--trace", image)


# -- network cards


@pytest.fixture
def listener(tmp_path):
    """A socket path on which somebody listens, and the connections that came."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "net"))
        server.listen()
        server.settimeout(20)
        yield server


def test_a_cable_to_a_socket(tmp_path, listener):
    done = rvh_run("--bare", program(tmp_path, HELLO), "--nic", f"stream,path={listener.getsockname()}")
    assert (done.returncode, done.stdout) == (0, b"hello\n")
    peer, _ = listener.accept()
    assert peer.recv(1) == b""
    peer.close()


def test_the_other_side_goes_away(tmp_path, listener):
    """The run says so and goes on: here to its limit, which it reaches asleep."""
    peers = []

    def serve():
        peer, _ = listener.accept()
        peers.append(peer)
        peer.close()

    thread = threading.Thread(target=serve)
    thread.start()
    arguments = ["--bare", program(tmp_path, SLEEP), "--nic", f"stream,path={listener.getsockname()}", "--timeout", "2"]
    done = rvh_run(*arguments)
    thread.join()
    assert peers and done.returncode in (3, 4)
    assert (
        lines(done.stderr)[0] == f"{listener.getsockname()}: the other side has closed the connection: the link is down"
    )


def test_dumping_the_device_tree_connects_to_nobody(tmp_path, listener):
    out = tmp_path / "out.dtb"
    guest = program(tmp_path, PASS)
    done = rvh_run("--bare", guest, "--nic", f"stream,path={listener.getsockname()}", "--dump-dtb", out)
    assert done.returncode == 0 and out.exists()
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    "nic, words",
    [
        ("stream,path=/nonexistent/socket", "/nonexistent/socket: no such file or directory"),
        ("stream,path=/", "/: is not a socket"),
        ("stream", "--nic: stream needs path= (rvh-run --help explains)"),
        ("tap,name=rvh-none-such", "network interface rvh-none-such: does not exist;"),
        ("switch,mac=1", "--nic: mac=1 is not an address such as"),
    ],
)
def test_bad_cables(tmp_path, nic, words):
    assert refused("--bare", program(tmp_path, PASS), "--nic", nic).startswith(words)


def test_no_card_and_too_many(tmp_path):
    guest = program(tmp_path, PASS)
    assert rvh_run("--bare", guest, "--nic", "none").returncode == 0
    assert "7 network cards" in refused("--bare", guest, "--nics", 6, "--nic", "switch")
