"""An ext4 root file system out of Debian packages, without root rights: their files, and a folder of our own on top.

Nothing of the packages runs: there are no maintainer scripts, no dpkg data base, no documentation. The same packages
give the same bytes: files are written one by one in order by debugfs, with one fixed time, UUID and hash seed.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = ["BUSYBOX", "RootError", "build"]

#: What busybox does in the root, where no package has the command.
BUSYBOX = (
    "awk", "clear", "cmp", "dmesg", "find", "free", "gunzip", "gzip", "halt", "hexdump", "hostname", "insmod", "ip",
    "kill", "less", "lsmod", "mount", "nc", "ps", "rmmod", "route", "tar", "top", "udhcpc", "umount", "vi", "wget",
    "which", "xargs",
)  # fmt: skip
#: Paths inside packages that the root does without.
LEFT_OUT = re.compile(r"usr/share/(doc|man|info|locale|lintian|bash-completion|zsh)/|usr/lib/.*/(gconv|engines-3)/")
#: Folders that are symbolic links in Debian 13; packages may name files through them.
MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib"}
EMPTY_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "mnt", "root", "var", "var/lib")
UUID = "72766800-0000-4000-8000-726f6f740001"
#: 2025-01-01, the time of everything in the image.
TIME = "1735689600"


class RootError(Exception):
    """A package or a tool of e2fsprogs is not what is needed; the text is one line for the user."""


@dataclass
class Node:
    """A file, folder or symbolic link: st_mode, owners, content or target."""

    mode: int
    data: bytes = b""
    target: str = ""
    uid: int = 0
    gid: int = 0


def _merged(name: str) -> str:
    head, slash, rest = name.partition("/")
    return f"{MERGED[head]}/{rest}" if slash and head in MERGED else name


def package_files(deb: Path) -> dict[str, Node]:
    """Everything in a package that belongs into the root, by path. Raises RootError if it is damaged."""
    nodes: dict[str, Node] = {}
    command = ["dpkg-deb", "--fsys-tarfile", str(deb)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    name = _merged(member.name.removeprefix("./").rstrip("/"))
                    if name in ("", ".") or LEFT_OUT.match(f"{name}/"):
                        continue
                    if member.isdir():
                        node = Node(stat.S_IFDIR | member.mode)
                    elif member.issym():
                        node = Node(stat.S_IFLNK | 0o777, target=member.linkname)
                    elif member.islnk():
                        node = nodes[_merged(member.linkname.removeprefix("./"))]
                    elif member.isfile():
                        source = archive.extractfile(member)
                        assert source is not None
                        node = Node(stat.S_IFREG | member.mode, source.read())
                    else:
                        continue
                    node.uid, node.gid = member.uid, member.gid
                    nodes[name] = node
        except (tarfile.TarError, KeyError) as error:
            raise RootError(f"{deb.name} is damaged: {error}") from error
    if process.returncode:
        raise RootError(f"{deb.name} is damaged: dpkg-deb cannot unpack it")
    return nodes


def tree(debs: Iterable[Path], overlay: Path) -> dict[str, Node]:
    """The whole root by path, each folder before what is in it: packages, busybox's commands, the overlay."""
    nodes: dict[str, Node] = {name: Node(stat.S_IFDIR | 0o755) for name in EMPTY_FOLDERS}
    for deb in debs:
        for name, node in package_files(deb).items():
            if stat.S_ISDIR(node.mode) and name in nodes:
                continue
            nodes[name] = node
    for name in BUSYBOX:
        if f"usr/bin/{name}" not in nodes:
            nodes.setdefault(f"usr/sbin/{name}", Node(stat.S_IFLNK | 0o777, target="/usr/bin/busybox"))
    nodes["tmp"].mode = stat.S_IFDIR | 0o1777
    nodes.setdefault("usr/bin/sh", Node(stat.S_IFLNK | 0o777, target="bash"))
    for path in sorted(overlay.rglob("*")):
        if path.is_file():
            executable = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
            nodes[path.relative_to(overlay).as_posix()] = Node(stat.S_IFREG | executable, path.read_bytes())
    for name in list(nodes):
        for parent in PurePosixPath(name).parents:
            if str(parent) != ".":
                nodes.setdefault(str(parent), Node(stat.S_IFDIR | 0o755))
    return dict(sorted(nodes.items(), key=lambda item: PurePosixPath(item[0]).parts))


def _commands(nodes: dict[str, Node], contents: Path) -> list[str]:
    """What debugfs has to do. It writes a file by its name in the current folder, with the mode of the original."""
    commands, folder = [], ""
    for number, (name, node) in enumerate(nodes.items()):
        path = PurePosixPath("/") / name
        if '"' in name or "\n" in name:
            raise RootError(f"a package has a file with a name that debugfs cannot take: {name!r}")
        if str(path.parent) != folder:
            folder = str(path.parent)
            commands.append(f'cd "{folder}"')
        if stat.S_ISDIR(node.mode):
            commands += [f'mkdir "{path.name}"', f'sif "{path}" mode 0{node.mode:o}']
        elif stat.S_ISLNK(node.mode):
            commands.append(f'symlink "{path.name}" "{node.target}"')
        else:
            content = contents / str(number)
            content.write_bytes(node.data)
            commands += [f'write "{content}" "{path.name}"', f'sif "{path}" mode 0{node.mode:o}']
        commands += [f'sif "{path}" {key} {value}' for key, value in (("uid", node.uid), ("gid", node.gid))]
    return commands


def _tool(name: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which(name, path=path)
    if not found:
        raise RootError(f"{name} not found: install e2fsprogs")
    return found


def build(debs: Sequence[Path], overlay: Path, image: Path, size: int) -> None:
    """Makes the image, a sparse file of `size` bytes, from packages (in order, later ones win) and a folder.

    `image` appears complete or not at all. Raises RootError and OSError.
    """
    mke2fs, debugfs, e2fsck = (_tool(name) for name in ("mke2fs", "debugfs", "e2fsck"))
    environment = {**os.environ, "E2FSPROGS_FAKE_TIME": TIME, "MKE2FS_CONFIG": os.devnull, "LC_ALL": "C", "TZ": "UTC"}
    partial = image.with_name(f".{image.name}.partial")
    contents = image.with_name(f".{image.name}.contents")
    shutil.rmtree(contents, ignore_errors=True)
    contents.mkdir()

    def run(*command: str | Path, standard_input: str = "") -> str:
        done = subprocess.run(
            [str(word) for word in command], input=standard_input, capture_output=True, text=True, env=environment
        )
        lines = [line for line in done.stderr.splitlines() if line and not line.startswith(("debugfs 1", "e2fsck 1"))]
        # debugfs exits with 0 whatever happens; only its complaints tell.
        if done.returncode or (command[0] == debugfs and lines):
            raise RootError(
                f"{Path(command[0]).name} failed: {(lines or done.stdout.splitlines() or ['no message'])[0]}"
            )
        return done.stdout

    try:
        partial.unlink(missing_ok=True)
        run(
            mke2fs, "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0", "-N", "8192", "-U", UUID,
            "-L", "rvh-root", "-J", "size=4", "-O", "extent,64bit,metadata_csum,dir_index,filetype,^resize_inode",
            "-E", f"hash_seed={UUID},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0",
            partial, f"{size // 1024}k",
        )  # fmt: skip
        script = _commands(tree(debs, overlay), contents)
        run(debugfs, "-w", "-f", "-", partial, standard_input="\n".join(script) + "\n")
        run(e2fsck, "-f", "-n", partial)
        partial.rename(image)
    finally:
        partial.unlink(missing_ok=True)
        shutil.rmtree(contents, ignore_errors=True)
