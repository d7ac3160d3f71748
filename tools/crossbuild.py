"""Build the RISC-V images of the project: the M-mode SBI, the hypervisor and the guests.

The compiler is the clang inside the ``ziglang`` wheel, so ``pip`` alone brings the whole tool chain.
Each image is one ``zig cc`` call: zig compiles the files of a call in parallel and keeps every object
in its cache under ``build/``, which makes a call after a one-file change as cheap as that file.

Used by ``setup.py`` and by hand::

    python tools/crossbuild.py [--out rvh/images] [--force] [image ...]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / "build" / "zig-cache"
DEFAULT_OUT = ROOT / "rvh" / "images"

# Svinval and the cache-block extensions only teach the assembler their mnemonics: the compiler
# emits none of them by itself, so the images still start on a plain rv64gc hart.
TARGET_FLAGS = (
    "-target", "riscv64-freestanding-none",
    "-mcpu=baseline_rv64+h+svinval+zicbom+zicboz+zihintpause",
    "-mcmodel=medany",
)  # fmt: skip
COMPILE_FLAGS = (
    "-std=c11", "-O2", "-g", "-ffreestanding", "-nostdlib",
    "-Wall", "-Wextra", "-Werror",
    "-fno-sanitize=undefined", "-fno-stack-protector", "-fno-common",
    # The hypervisor and the SBI must not touch FP registers that belong to the software above them.
    "-mno-implicit-float",
    # Paths in debug information are relative to the repository: equal sources give equal images.
    f"-ffile-prefix-map={ROOT}=.",
    "-fdebug-compilation-dir=.",
    "-Wl,--build-id=none", "-Wl,-z,noexecstack",
)  # fmt: skip


class BuildError(Exception):
    """An image could not be built; the message starts with one line that names the reason."""


@dataclass(frozen=True)
class Image:
    """One ELF file: its name, the sources and link script it is made of, and its include directories."""

    name: str
    sources: tuple[Path, ...]
    headers: tuple[Path, ...]
    script: Path
    include: tuple[Path, ...]

    def command(self) -> list[str]:
        """The compiler call without its output option, with paths relative to the repository."""
        return [
            *TARGET_FLAGS,
            *COMPILE_FLAGS,
            *(f"-I{_relative(directory)}" for directory in self.include),
            "-T",
            _relative(self.script),
            *(_relative(source) for source in self.sources),
        ]


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _files(directory: Path, suffixes: Iterable[str], without: Path | None = None) -> tuple[Path, ...]:
    """Files below ``directory`` with one of ``suffixes``, sorted, leaving out the tree ``without``."""
    wanted = set(suffixes)
    return tuple(
        path
        for path in sorted(directory.rglob("*"))
        if path.suffix in wanted and path.is_file() and (without is None or without not in path.parents)
    )


def firmware_images() -> list[Image]:
    """The images made from ``firmware/``: ``sbi`` (M-mode) and ``hv`` (HS-mode), as far as they exist."""
    firmware = ROOT / "firmware"
    machine = firmware / "machine"
    images = []
    if machine.is_dir():
        sources, headers = _files(machine, (".c", ".S")), _files(machine, (".h",))
        images.append(Image("sbi", sources, headers, machine / "sbi.ld", (machine,)))
    if (firmware / "hv.ld").is_file():
        sources = _files(firmware, (".c", ".S"), without=machine)
        headers = _files(firmware, (".h",), without=machine)
        images.append(Image("hv", sources, headers, firmware / "hv.ld", (firmware,)))
    return images


def guest_images() -> list[Image]:
    """One image for each folder of ``guests/`` except ``lib``, which every guest is linked with."""
    guests = ROOT / "guests"
    lib = guests / "lib"
    images = []
    for folder in sorted(guests.iterdir()) if guests.is_dir() else ():
        if folder.is_dir() and folder != lib and _files(folder, (".c", ".S")):
            sources = _files(lib, (".c", ".S")) + _files(folder, (".c", ".S"))
            headers = _files(lib, (".h",)) + _files(folder, (".h",))
            images.append(Image(folder.name, sources, headers, lib / "guest.ld", (lib, folder)))
    return images


def _is_current(image: Image, elf: Path, stamp: Path) -> bool:
    """Whether ``elf`` was made by the same command and no input changed since."""
    try:
        built = elf.stat().st_mtime_ns
        if stamp.read_text(encoding="utf-8") != _stamp_text(image, elf):
            return False
    except OSError:
        return False
    inputs = (*image.sources, *image.headers, image.script, Path(__file__))
    return all(path.stat().st_mtime_ns <= built for path in inputs)


def _stamp_text(image: Image, elf: Path) -> str:
    headers = (_relative(header) for header in image.headers)
    return "\n".join([str(elf.resolve()), *image.command(), *headers]) + "\n"


def build_image(image: Image, out: Path, force: bool = False) -> Path:
    """Build one image into ``out`` unless it is current, and return the path of its ELF file.

    Raises BuildError when the compiler is missing or refuses a file.
    """
    elf = out / f"{image.name}.elf"
    stamp = ROOT / "build" / "crossbuild" / f"{image.name}.stamp"
    if not force and _is_current(image, elf, stamp):
        return elf
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise BuildError(f"{image.name}.elf: the cross compiler is missing: pip install ziglang (for {sys.executable})")
    if not image.script.is_file():
        raise BuildError(f"{image.name}.elf: no link script {_relative(image.script)}")
    for directory in (out, stamp.parent, CACHE):
        directory.mkdir(parents=True, exist_ok=True)
    # The result appears by rename, so an interrupted or parallel build never leaves half an image.
    partial = elf.with_name(f".{elf.name}.{os.getpid()}")
    started = time.time_ns()
    environment = dict(os.environ, ZIG_LOCAL_CACHE_DIR=str(CACHE), ZIG_GLOBAL_CACHE_DIR=str(CACHE))
    headers_map = f"-ffile-prefix-map={Path(spec.origin).parent}=zig"
    zig_cc = [sys.executable, "-m", "ziglang", "cc", headers_map]
    command = [*zig_cc, *image.command(), "-o", str(partial.resolve())]
    try:
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        if result.returncode != 0:
            message = (result.stderr or result.stdout).strip()
            raise BuildError(f"{image.name}.elf: the compiler failed:\n{message}")
        partial.chmod(0o644)
        os.utime(partial, ns=(started, started))  # a source saved during the call is newer than its image
        os.replace(partial, elf)
    finally:
        partial.unlink(missing_ok=True)
    stamp.write_text(_stamp_text(image, elf), encoding="utf-8")
    return elf


def _build(images: Sequence[Image], out: Path, force: bool = False) -> list[Path]:
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(lambda image: build_image(image, out, force), images))


def build_firmware(out: Path = DEFAULT_OUT, force: bool = False) -> list[Path]:
    """Build ``sbi.elf`` and ``hv.elf`` into the directory ``out``; raises BuildError."""
    return _build(firmware_images(), Path(out), force)


def build_guests(out: Path = DEFAULT_OUT, force: bool = False) -> list[Path]:
    """Build ``<guest>.elf`` for each folder of ``guests/`` into the directory ``out``; raises BuildError."""
    return _build(guest_images(), Path(out), force)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: build all images, or those named; exit status 1 when one fails."""
    parser = argparse.ArgumentParser(description="Build the firmware and guest images with ziglang's clang.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="directory for the ELF files")
    parser.add_argument("--force", action="store_true", help="build even what is current")
    parser.add_argument("image", nargs="*", help="names such as sbi, hv, hello (default: all)")
    options = parser.parse_args(arguments)
    images = firmware_images() + guest_images()
    unknown = sorted(set(options.image) - {image.name for image in images})
    if unknown:
        parser.error(f"no image named {', '.join(unknown)}: have {', '.join(i.name for i in images)}")
    wanted = [image for image in images if not options.image or image.name in options.image]
    try:
        for elf in _build(wanted, options.out, options.force):
            print(elf)
    except BuildError as error:
        print(f"crossbuild: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
