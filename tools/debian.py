#!/usr/bin/env python3
"""Bring Debian 13's riscv64 kernel, OpenSBI and some packages into a cache, and build initramfs and root from them.

The packages come through the machine's own apt: the same mirror, keyring and proxy settings, but a private
root (indexes, archives, architecture riscv64), so nothing is installed, nothing of the system changes and no
root is needed. The unpacked files lie under ``${XDG_CACHE_HOME:-~/.cache}/rvh/debian/``:

    Image                    the kernel, an uncompressed RISC-V Linux Image (what ``-kernel`` wants)
    fw_jump.bin .elf         OpenSBI: next stage at a fixed address (0x80200000)
    fw_dynamic.bin .elf      OpenSBI: next stage told by the previous one in a2
    busybox                  static riscv64 busybox
    initramfs.cpio           /init and busybox; see INIT below
    initramfs-modules.cpio   the same with virtio and ext4 modules (10 MB more)
    root.ext4                a small Debian as the image of a disk, 64 MiB (bash, coreutils, ping, busybox; rootfs.py)
    manifest.json            package versions and the paths above

In a checkout it also fills ``docs/examples/debian/``, where the examples look: links to kernel and initramfs, and
copies of the root, ``left.ext4`` and ``right.ext4``, one for each guest to write to. Copies that exist already stay as
they are; ``--fresh`` makes them anew.

Boot on QEMU, interactively or as a self-check::

    qemu-system-riscv64 -M virt -m 512M -smp 2 -nographic -bios fw_jump.bin \\
        -kernel Image -initrd initramfs.cpio -append "console=ttyS0"
    ... -append "console=ttyS0 rvh.auto"

Words on the kernel's command line: ``root=/dev/vda`` loads the modules of initramfs-modules.cpio, mounts that
disk and starts what is on it; debian_root/usr/sbin/init says what words that knows. Without it: ``rvh.auto`` runs
the self-check and powers off instead of starting a shell; ``rvh.prompt`` prints the shell's prompt and powers
off; ``rvh.modules`` loads the modules; ``rvh.disk`` too and makes the self-check OVERWRITE /dev/vda and put an
ext4 file system on it (at least 8 MiB; give it a scratch image); ``rvh.ip=10.0.0.1/24`` is the address of the
first network card (with ``rvh.modules``), and ``rvh.ping=10.0.0.2,10.0.0.3`` makes the self-check wait for these
and ping each three times::

    ... -drive file=scratch.img,format=raw,if=none,id=d -device virtio-blk-device,drive=d \\
        -append "console=ttyS0 rvh.auto rvh.disk"

Exit status: 0 the paths are printed, 2 apt or the network is absent (one line says why).
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))
import rootfs  # noqa: E402

SUITE = "trixie"
ARCHITECTURE = "riscv64"
#: Kernel modules in initramfs-modules.cpio with what they need: Debian's virtio drivers and ext4 are modules.
MODULES = (
    "virtio_mmio",
    "virtio_blk",
    "virtio_rng",
    "virtio_balloon",
    "failover",
    "net_failover",
    "virtio_net",
    "crc16",
    "mbcache",
    "jbd2",
    "crc32c_generic",
    "libcrc32c",
    "ext4",
)

#: First line that /init prints, and the two verdicts of the self-check.
MARKER = "rvh-initramfs: up"
AUTO_PASS = "rvh-auto: pass"
AUTO_FAIL = "rvh-auto: FAIL"

#: Files this tool makes besides the OpenSBI images.
MADE = ("Image", "initramfs.cpio", "initramfs-modules.cpio", "busybox", "root.ext4")

#: Packages of the root file system, which come with all that they depend on; what is in it besides; its size.
ROOT_PACKAGES = ("base-files", "bash", "coreutils", "grep", "sed", "iputils-ping", "busybox-static")
ROOT_OVERLAY = Path(__file__).resolve().parent / "debian_root"
ROOT_SIZE = 64 << 20
#: Where the examples look for images, and their disks.
EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
EXAMPLE_DISKS = ("left.ext4", "right.ext4")


INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TERM=${{TERM:-vt100}} PS1='rvh:\\w# '
echo "{MARKER}"

has() {{ # is this word on the kernel's command line?
    case " $(cat /proc/cmdline) " in *" $1 "*) ;; *) return 1 ;; esac
}}

value() {{ # of NAME=VALUE on the kernel's command line
    for word in $(cat /proc/cmdline); do case $word in "$1"=*) echo "${{word#*=}}" ;; esac; done
}}

check() {{ # name, expected, got
    echo "rvh-auto: $1 = $3"
    [ "$2" = "$3" ] || failed="$failed $1"
}}

selfcheck() {{
    failed=
    check nproc "$(grep -c ^processor /proc/cpuinfo)" "$(nproc)"
    check machine "Linux riscv64" "$(uname -sm)"
    check pipeline 500500 "$(seq 1 1000 | awk '{{ s += $1 }} END {{ print s }}')"
    check float 3.142857 "$(awk 'BEGIN {{ printf "%.6f", 22 / 7 }}')"
    check sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 \\
        "$(printf test | sha256sum | cut -d ' ' -f 1)"
    dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null
    gzip -c /tmp/a | gunzip -c | cmp - /tmp/a && same=yes
    check gzip yes "$same"
    if has rvh.disk; then
        dd if=/tmp/a of=/dev/vda bs=64k conv=fsync 2>/dev/null
        echo 3 > /proc/sys/vm/drop_caches
        dd if=/dev/vda bs=64k count=32 2>/dev/null | cmp - /tmp/a && disk=same
        check disk same "$disk"
        mke2fs -q /dev/vda 2>/dev/null && mount -t ext4 /dev/vda /mnt && cp /tmp/a /mnt/a && umount /mnt
        mount -t ext4 -o ro /dev/vda /mnt && cmp /mnt/a /tmp/a && files=same
        umount /mnt
        check ext4 same "$files"
    fi
    for peer in $(value rvh.ping | tr , ' '); do
        for try in $(seq 100); do ping -c 1 -W 1 "$peer" >/dev/null && break; done
        check "ping $peer" 3 "$(ping -c 3 "$peer" | grep -c ' bytes from ')"
    done
    [ -z "$peer" ] || sleep 5 # while the others may still ask
    free -m
    if [ -z "$failed" ]; then echo "{AUTO_PASS}"; else echo "{AUTO_FAIL}:$failed"; fi
}}

root=$(value root)
if [ -n "$root" ] || has rvh.modules || has rvh.disk; then
    for module in /lib/modules/*.ko; do insmod "$module"; done
fi
if [ -n "$root" ]; then
    for try in $(seq 50); do [ -b "$root" ] && break; sleep 0.1; done
    if mount -t ext4 -o "$(has ro && echo ro || echo rw)" "$root" /mnt; then
        for folder in dev proc sys; do mount -o move /$folder /mnt/$folder; done
        exec switch_root /mnt /sbin/init
    fi
    echo "{AUTO_FAIL}: $root cannot be mounted"
fi
ip link set lo up
if [ -n "$(value rvh.ip)" ]; then
    ip link set eth0 up
    ip addr add "$(value rvh.ip)" dev eth0
fi
if has rvh.auto; then selfcheck; elif has rvh.prompt; then sh -i </dev/null; else setsid cttyhack sh; fi
sync
poweroff -f
"""


class DebianError(Exception):
    """apt, the network or a package's content is not what is needed; the text is one line for the user."""


def cache_dir() -> Path:
    """Directory that holds everything this tool makes (created on demand by :func:`bring`)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "rvh" / "debian"


def _run(command: list[str], **kwargs) -> str:
    """Standard output of a command; DebianError with its last error line if it fails."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **kwargs)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.strip()] or ["no message"]
        errors = [line for line in lines if line.startswith(("E:", "Err"))] or lines
        raise DebianError(f"{command[0]} failed: {errors[-1].strip()}")
    return result.stdout


def machine_mirror() -> tuple[str, str]:
    """(archive URI, keyring path or '') of the Debian mirror that the machine's apt is configured with."""
    codename = ""
    release = Path("/etc/os-release")
    if release.exists():
        match = re.search(r"^VERSION_CODENAME=\W?(\w+)", release.read_text(), re.M)
        codename = match.group(1) if match else ""
    targets = _run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)",
            "Created-By: Packages",
        ]
    )
    rows = [row.split("|") for row in targets.splitlines() if row.count("|") == 3]
    for uri, suite, component, keyring in rows:
        if component == "main" and suite in (codename, SUITE):
            return uri, keyring
    raise DebianError("no Debian mirror among apt's sources (none has this machine's release, section main)")


class Apt:
    """A private apt root: the machine's mirror, keyring and Acquire settings, our suite and architecture."""

    def __init__(self, root: Path):
        for tool in ("apt-get", "apt-cache", "apt-config", "dpkg-deb"):
            if not shutil.which(tool):
                raise DebianError(f"{tool} not found: this needs a Debian machine with apt")
        self.root = root
        for folder in ("etc/parts", "lists/partial", "archives/partial"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        uri, keyring = machine_mirror()
        default = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        if not keyring.startswith("/") and default.exists():
            keyring = str(default)
        (root / "status").touch()
        (root / "etc/debian.sources").write_text(
            f"Types: deb\nURIs: {uri}\nSuites: {SUITE}\nComponents: main\nArchitectures: {ARCHITECTURE}\n"
            + (f"Signed-By: {keyring}\n" if keyring else "")
        )
        replaced = ("Acquire::Languages", "Acquire::IndexTargets")
        acquire = [
            line
            for line in _run(["apt-config", "dump"]).splitlines()
            if line.startswith("Acquire::") and not line.startswith(replaced)
        ]
        (root / "apt.conf").write_text(
            "\n".join(
                [
                    *acquire,
                    f'Dir::State "{root}"; Dir::State::lists "{root}/lists"; Dir::State::status "{root}/status";',
                    f'Dir::Cache "{root}"; Dir::Cache::archives "{root}/archives";',
                    f'Dir::Etc::sourcelist "{root}/etc/debian.sources"; Dir::Etc::sourceparts "{root}/etc/parts";',
                    f'Dir::Etc::main "{root}/etc/none"; Dir::Etc::parts "{root}/etc/parts";',
                    f'Dir::Etc::preferences "{root}/etc/none"; Dir::Etc::preferencesparts "{root}/etc/parts";',
                    f'APT::Architecture "{ARCHITECTURE}"; APT::Architectures {{ "{ARCHITECTURE}"; }};',
                    'Acquire::Languages "none"; Acquire::Retries "2"; APT::Sandbox::User "root";',
                    "",
                ]
            )
        )
        self.environment = {**os.environ, "APT_CONFIG": str(root / "apt.conf"), "LC_ALL": "C"}

    def update(self) -> None:
        """Fetch the package index; one fetched before does when the mirror has none in order. Raises DebianError."""
        try:
            _run(["apt-get", "-q", "update", "-o", "APT::Update::Error-Mode=any"], env=self.environment)
        except DebianError as error:
            if not any((self.root / "lists").glob("*_Packages*")):
                raise
            print(f"debian.py: going on with the package index fetched before: {error}", file=sys.stderr)

    def field(self, package: str, name: str) -> str:
        """A control field of the newest version of a package."""
        text = _run(["apt-cache", "show", "--no-all-versions", package], env=self.environment)
        match = re.search(rf"^{name}: (.*)$", text, re.M)
        if not match:
            raise DebianError(f"package {package} has no field {name}")
        return match.group(1)

    def with_dependencies(self, packages: Sequence[str]) -> list[str]:
        """The packages and all that they need, each after what it depends on."""
        command = ["apt-get", "-q", "--simulate", "--no-install-recommends", "install", *packages]
        return re.findall(r"^Inst (\S+) ", _run(command, env=self.environment), re.M)

    def download(self, package: str) -> Path:
        """Path of the package's .deb, fetched and checked against the signed index."""
        archives = self.root / "archives"
        with_version = archives / f"{package}_{self.field(package, 'Version').replace(':', '%3a')}.deb"
        if with_version.exists():
            return with_version
        folder = archives / "fetch"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        _run(["apt-get", "-q", "download", package], env=self.environment, cwd=folder)
        (found,) = folder.glob("*.deb")
        found.rename(with_version)
        folder.rmdir()
        return with_version


def unpack(deb: Path, wanted: dict[str, Path]) -> None:
    """Copy files out of a .deb: ``wanted`` maps regular expressions on the path inside to targets.

    Each expression stands for one file, the first that matches. Raises DebianError if one matches nothing or
    the package is damaged.
    """
    patterns = {re.compile(pattern): target for pattern, target in wanted.items()}
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    name = member.name.removeprefix("./")
                    pattern = next((p for p in patterns if member.isfile() and p.fullmatch(name)), None)
                    if pattern is None:
                        continue
                    source = archive.extractfile(member)
                    assert source is not None
                    target = patterns.pop(pattern)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with open(target, "wb") as out:
                        shutil.copyfileobj(source, out)
                    if not patterns:
                        break
        except tarfile.TarError as error:
            raise DebianError(f"{deb.name} is damaged: {error}") from error
        finally:
            process.stdout.close()
            process.terminate()
    if patterns:
        raise DebianError(f"{deb.name} has no {next(iter(patterns)).pattern}")


def load_order(modules: dict[str, bytes]) -> list[str]:
    """Names of kernel modules, each after those it depends on (``depends=`` in its .modinfo section).

    Raises DebianError if one depends on a module that is not among them.
    """
    order: list[str] = []

    def visit(name: str, user: str) -> None:
        if name in order:
            return
        if name not in modules:
            raise DebianError(f"kernel module {user} needs {name}, which the initramfs does not have")
        match = re.search(rb"\0depends=([^\0]*)\0", modules[name])
        for needed in match.group(1).decode().split(",") if match and match.group(1) else []:
            visit(needed.replace("-", "_"), name)
        order.append(name)

    for name in modules:
        visit(name, name)
    return order


def plain_image(data: bytes) -> bytes:
    """The uncompressed Linux Image inside a kernel file (Image, gzip, or an EFI zboot wrapper).

    Raises DebianError for anything else. Linux Documentation/arch/riscv/boot-image-header.rst: magic2 at 56.
    """
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:2] == b"MZ" and data[4:8] == b"zimg":
        offset, size = (int.from_bytes(data[at : at + 4], "little") for at in (8, 12))
        kind, payload = data[24:28], data[offset : offset + size]
        if kind == b"gzip":
            data = gzip.decompress(payload)
        elif kind in (b"xz\0k", b"lzma", b"xzke"):
            data = lzma.decompress(payload)
        else:
            raise DebianError(f"kernel is an EFI zboot image compressed with {kind!r}, not known here")
    if data[56:60] != b"RSC\x05":
        raise DebianError("kernel file is no RISC-V Linux Image")
    return data


class Entry(NamedTuple):
    """One member of a cpio archive: path, st_mode, content, and device numbers of a device node."""

    path: str
    mode: int
    data: bytes = b""
    major: int = 0
    minor: int = 0


def cpio(entries: list[Entry]) -> bytes:
    """A cpio archive in the newc format (Linux Documentation/driver-api/early-userspace/buffer-format.rst).

    All members owned by root, time 0, so that the same input gives the same bytes.
    """
    out = bytearray()
    for inode, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], 1):
        name = entry.path.encode() + b"\0"
        size, major, minor = len(entry.data), entry.major, entry.minor
        fields = (inode, entry.mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += bytes(-len(out) % 4)
        out += entry.data
        out += bytes(-len(out) % 4)
    return bytes(out)


def build_initramfs(busybox: Path, modules: dict[str, bytes], init: str = INIT) -> bytes:
    """The initramfs: busybox, /init, mount points, the console node that /init starts with, kernel modules.

    Modules (name to .ko content) become /lib/modules/NN-name.ko, numbered in the order to load them.
    """
    folders = ("bin", "dev", "proc", "sys", "tmp", "root", "etc", "mnt", "lib", "lib/modules")
    entries = [Entry(folder, 0o40755) for folder in folders]
    entries += [
        Entry("bin/busybox", 0o100755, busybox.read_bytes()),
        Entry("bin/sh", 0o120777, b"busybox"),
        Entry("init", 0o100755, init.encode()),
        Entry("dev/console", 0o20600, major=5, minor=1),
        Entry("dev/null", 0o20666, major=1, minor=3),
    ]
    entries += [
        Entry(f"lib/modules/{number:02}-{name}.ko", 0o100644, modules[name])
        for number, name in enumerate(load_order(modules))
    ]
    return cpio(entries)


def _complete(directory: Path) -> dict | None:
    """The manifest of a finished earlier run, or None."""
    try:
        manifest = json.loads((directory / "manifest.json").read_text())
        present = all(Path(path).is_file() for path in manifest["files"].values())
        return manifest if present and manifest["recipe"] == recipe() else None
    except (OSError, ValueError, KeyError):
        return None


def bring(update: bool = False) -> dict[str, Path]:
    """Paths by name (Image, fw_jump.bin, ...), fetched and built if they are not in the cache yet.

    ``update`` asks the mirror for newer packages. Raises DebianError with one line when apt, the network or
    the disk is missing.
    """
    directory = cache_dir()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with open(directory / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            manifest = (None if update else _complete(directory)) or _fetch(directory)
    except OSError as error:
        raise DebianError(f"{error.filename or directory}: {error.strerror}") from error
    return {name: Path(path) for name, path in manifest["files"].items()}


def recipe() -> str:
    """What the cached files were made by: changes with the sources of initramfs and root."""
    digest = hashlib.sha256()
    here = Path(__file__)
    for path in [here, here.with_name("rootfs.py"), *sorted(p for p in ROOT_OVERLAY.rglob("*") if p.is_file())]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _fetch(directory: Path) -> dict:
    """Download, unpack and build everything; the manifest is written last and marks the cache as complete."""
    apt = Apt(directory / "apt")
    apt.update()
    kernel = re.search(r"linux-image-[0-9][\w.+-]*-riscv64", apt.field("linux-image-riscv64", "Depends"))
    if not kernel:
        raise DebianError("linux-image-riscv64 depends on no kernel package")
    packages = {"kernel": kernel.group(), "opensbi": "opensbi", "busybox": "busybox-static"}
    debs = {role: apt.download(package) for role, package in packages.items()}
    root_packages = apt.with_dependencies(ROOT_PACKAGES)
    root_debs = [apt.download(package) for package in root_packages]

    (directory / "manifest.json").unlink(missing_ok=True)
    scratch = directory / "scratch"
    raw = {name: scratch / name for name in MODULES}
    wanted = {rf".*/{name.replace('_', '[-_]')}[.]ko([.]xz)?": raw[name] for name in MODULES}
    unpack(debs["kernel"], {r"boot/vmlinu[xz]-.*": scratch / "kernel", **wanted})
    (directory / "Image").write_bytes(plain_image((scratch / "kernel").read_bytes()))
    modules = {name: path.read_bytes() for name, path in raw.items()}
    for name, data in modules.items():
        modules[name] = lzma.decompress(data) if data[:2] == b"\xfd7" else data
    shutil.rmtree(scratch)
    firmware = [f"{name}.{kind}" for name in ("fw_jump", "fw_dynamic") for kind in ("bin", "elf")]
    generic = "usr/lib/riscv64-linux-gnu/opensbi/generic/"
    unpack(debs["opensbi"], {re.escape(generic + name): directory / name for name in firmware})
    unpack(debs["busybox"], {r"(usr/)?bin/busybox": directory / "busybox"})
    (directory / "initramfs.cpio").write_bytes(build_initramfs(directory / "busybox", {}))
    (directory / "initramfs-modules.cpio").write_bytes(build_initramfs(directory / "busybox", modules))
    try:
        rootfs.build(root_debs, ROOT_OVERLAY, directory / "root.ext4", ROOT_SIZE)
    except rootfs.RootError as error:
        raise DebianError(str(error)) from error

    for archive in set((apt.root / "archives").glob("*.deb")) - {*debs.values(), *root_debs}:
        archive.unlink()
    manifest = {
        "recipe": recipe(),
        "packages": {
            package: apt.field(package, "Version") for package in sorted({*packages.values(), *root_packages})
        },
        "files": {name: str(directory / name) for name in [*MADE, *firmware]},
    }
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def copy_disk(source: Path, target: Path) -> None:
    """A copy of a disk image in which what is zero occupies no space. `target` appears complete or not at all."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with open(source, "rb") as data, open(partial, "wb") as out:
            while block := data.read(1 << 16):
                if block.count(0) == len(block):
                    out.seek(len(block), os.SEEK_CUR)
                else:
                    out.write(block)
            out.truncate(data.tell())
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def fill_examples(files: dict[str, Path], fresh: bool = False) -> list[Path]:
    """Puts kernel, initramfs and disks where the examples look; returns the disks. Raises DebianError."""
    folder = EXAMPLES / "debian"
    try:
        if folder.is_symlink():
            folder.unlink()
        folder.mkdir(exist_ok=True)
        for name in ("Image", "initramfs-modules.cpio"):
            link = folder / name
            link.unlink(missing_ok=True)
            link.symlink_to(files[name])
        disks = [folder / name for name in EXAMPLE_DISKS]
        for disk in disks:
            if fresh or not disk.exists():
                copy_disk(files["root.ext4"], disk)
    except OSError as error:
        raise DebianError(f"{error.filename or folder}: {error.strerror}") from error
    return disks


def main(arguments: list[str] | None = None) -> int:
    """Command line: print one ``name path`` line per file. Exit status 0, or 2 with one line on stderr."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--update", action="store_true", help="ask the mirror for newer packages")
    parser.add_argument("--fresh", action="store_true", help="make the examples' disks anew")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    options = parser.parse_args(arguments)
    try:
        files = bring(options.update)
        disks = fill_examples(files, options.fresh) if EXAMPLES.is_dir() else []
    except DebianError as error:
        print(f"debian.py: {error}", file=sys.stderr)
        return 2
    if options.json:
        print((cache_dir() / "manifest.json").read_text(), end="")
    else:
        print("\n".join(f"{name:22} {path}" for name, path in files.items()))
        print("\n".join(f"{'disk of an example':22} {path}" for path in disks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
