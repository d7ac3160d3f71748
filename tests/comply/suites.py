"""Small test programs in the styles of the known suites."""

from __future__ import annotations

from pathlib import Path

from elf_files import Elf, Part

from rvh.emit.asm import assemble

RAM = 0x8000_0000
TOHOST = "\n.balign 64\ntohost: .dword 0\nfromhost: .dword 0\n"
PUTS = """
puts:
    li t0, 0x10000000
1:  lbu t1, 0(a0)
    beqz t1, 2f
    sb t1, 0(t0)
    addi a0, a0, 1
    j 1b
2:  ret
"""


def write(path: Path, source: str, base: int = RAM) -> Path:
    """Assembles a program to an ELF with all its symbols."""
    code = assemble(source, base)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(Elf([Part(base, code.data)], entry=base, symbols=code.symbols).build())
    return path


def htif(path: Path, value: int = 1, before: str = "") -> Path:
    """Stores to tohost: 1 is success, n << 1 | 1 failure of test n."""
    return write(path, f"{before}\nla t0, tohost\nli t1, {value}\nsd t1, 0(t0)\n9: j 9b\n{TOHOST}")


def crash(path: Path, how: str = "csrr a0, 0x7ff") -> Path:
    """An exception whose handler reports failure of test 7."""
    return htif(path, 15, f"la t0, handler\ncsrw mtvec, t0\n{how}\n.align 2\nhandler:")


def signature(path: Path, words: list[int], extra: str = "") -> Path:
    """Writes words to its signature and reports success, as riscv-arch-test does."""
    stores = "".join(f"li a1, {word}\nsw a1, {4 * n}(a0)\n" for n, word in enumerate(words))
    return write(
        path,
        f"rvtest_code_begin: {extra}\nla a0, begin_signature\n{stores}la t0, tohost\nli t1, 1\nsd t1, 0(t0)\n9: j 9b\n"
        f"{TOHOST}.balign 16\nbegin_signature: .zero {4 * len(words)}\nend_signature: .word 0\n",
    )


def reference(path: Path, words: list[int]) -> Path:
    """A reference signature of four bytes in a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{word:08x}\n" for word in words))
    return path


def talker(path: Path, text: str, end: str = "9: j 9b") -> Path:
    """Prints a text on the UART, and then stands still or does what `end` says."""
    quoted = text.replace("\n", "\\n")
    return write(path, f'la a0, text\ncall puts\n{end}\n{PUTS}\ntext: .asciz "{quoted}"\n')


FINISH = "li t0, 0x100000\nli t1, {}\nsw t1, 0(t0)\n9: j 9b"
