"""User-mode networking: Debian's kernel on virtio-net, a UNIX socket, and a real passt at its other end.

All of it runs in a network namespace of the test's own, where nothing leads further than the namespace's loopback.
Skipped where passt is not installed or such a namespace is not to be had.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from images import ENV, debian, debian_tool

INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin
for module in /lib/modules/*.ko; do insmod "$module"; done
ip link set eth0 up
udhcpc -q -n -t 5 -i eth0 -s /lease || poweroff -f
echo "from the guest" | nc -l -p 7 &
echo "test: $(wget -q -T 20 -O - http://192.0.2.2:8080/)"
for i in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(cat /sys/class/net/eth0/carrier)" = 0 ] && echo "test: carrier lost" && break
    sleep 1
done
poweroff -f
"""
LEASE = """#!/bin/busybox sh
[ "$1" = bound ] || exit 0
echo "test: address $ip router $router"
ip addr add "$ip/$mask" dev eth0
ip route add default via "$router"
"""

IN_NAMESPACE = r"""
import http.server, os, socket, subprocess, sys, threading, time

path, log, *command = sys.argv[1:]
for words in (
    "link set lo up",
    "tuntap add ext0 mode tap",  # passt takes addresses from an interface with a default route; nobody is behind it
    "addr add 192.0.2.15/24 dev ext0",
    "link set ext0 up",
    "route add default via 192.0.2.2",
):
    subprocess.run(["ip", *words.split()], check=True)


class Server(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        # The way back into the guest, through passt's port forwarding.
        with socket.create_connection(("127.0.0.1", 7007), 20) as forwarded:
            forwarded.settimeout(20)
            forwarded.sendall(b"hello\n")  # passt 2023-03 completes its handshake with the guest only when it has data
            text = forwarded.recv(100)
        body = b"asked " + self.path.encode() + b", heard " + text.strip()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        threading.Timer(1, passt.kill).start()  # and now the network card is gone


server = http.server.HTTPServer(("127.0.0.1", 8080), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(log, "wb") as out:
    passt = subprocess.Popen(["passt", "-f", "-e", "-4", "-s", path, "-t", "7007:7"], stdout=out, stderr=out)
try:
    end = time.monotonic() + 20
    while not os.path.exists(path):
        assert passt.poll() is None and time.monotonic() < end, open(log).read()
        time.sleep(0.05)
    sys.exit(subprocess.run(command, stdin=subprocess.DEVNULL, timeout=280).returncode)
finally:
    passt.kill()
    passt.wait()
"""


@pytest.fixture
def namespace() -> list[str]:
    """A command that runs another in a network namespace of its own."""
    for tool, package in (("passt", "passt"), ("ip", "iproute2"), ("unshare", "util-linux")):
        if not shutil.which(tool):
            pytest.skip(f"{tool} (package {package}) is not installed")
    command = ["unshare", "-Urn"]
    probe = subprocess.run([*command, "ip", "tuntap", "add", "probe", "mode", "tap"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no network namespace with a tap interface for this user: {probe.stderr.strip()}")
    return command


def test_linux_through_passt(namespace, tmp_path):
    """DHCP, a TCP connection out and one in; then passt dies, and the guest sees its carrier go."""
    files, tool = debian(), debian_tool()
    initrd = tmp_path / "initrd.cpio"
    extra = tool.cpio([tool.Entry("init", 0o100755, INIT.encode()), tool.Entry("lease", 0o100755, LEASE.encode())])
    initrd.write_bytes(files["initramfs-modules.cpio"].read_bytes() + extra)
    path = tmp_path / "passt.socket"
    command = [sys.executable, "-m", "rvh.cli.run", "--bare", files["fw_jump.elf"], "--kernel", files["Image"]]
    command += ["--initrd", initrd, "--append", "console=ttyS0 quiet", "--memory", "512M", "--clock", "host"]
    command += ["--nic", f"stream,path={path}"]
    done = subprocess.run(
        [*namespace, sys.executable, "-c", IN_NAMESPACE, path, tmp_path / "passt.log", *command],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300, env=ENV,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("test: ")]
    assert said == [
        "test: address 192.0.2.15 router 192.0.2.2",
        "test: asked /, heard from the guest",
        "test: carrier lost",
    ], done.stdout[-2000:] + done.stderr[-2000:]
    assert done.returncode == 0
    assert f"rvh-run: {path}: the other side has closed the connection: the link is down" in done.stderr.splitlines()
