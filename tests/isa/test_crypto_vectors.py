"""Ciphers and hashes built from the instructions of Zkn and Zks, against the examples that the standards publish.

AES: FIPS 197, appendix C.1 and C.3. SHA-256 and SHA-512 of "abc": NIST, "Examples with Intermediate Values" for FIPS
180-4.
SM4: GB/T 32907-2016, appendix A, example 1. SM3 of "abc": GB/T 32905-2016, appendix A, example 1.
"""

from __future__ import annotations

from math import isqrt

import pytest
from rows import CODE

from rvh import Machine
from rvh.emit.asm import assemble

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


class Hart:
    """Executes single instructions: ``hart.aes64es(a, b)``, ``hart.sm4ed(a, b, 3)``."""

    def __init__(self) -> None:
        self.machine = Machine(ram=1 << 20)
        self.hart = self.machine.harts[0]

    def __getattr__(self, name: str):
        def run(a: int, b: int | None = None, immediate: int | None = None) -> int:
            operands = [
                "a0",
                "a1",
                *(["a2"] if b is not None else []),
                *([str(immediate)] if immediate is not None else []),
            ]
            self.machine.memory.write(CODE, assemble(f"{name} {', '.join(operands)}", CODE).data)
            self.hart.x["a1"], self.hart.x["a2"] = a & M64, (b or 0) & M64
            self.hart.pc = CODE
            self.hart.step()
            assert self.hart.pc == CODE + 4
            return self.hart.x["a0"]

        return run


@pytest.fixture(scope="module")
def hart():
    made = Hart()
    yield made
    made.machine.close()


def halves(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:8], "little"), int.from_bytes(data[8:16], "little")


def joined(low: int, high: int) -> bytes:
    return low.to_bytes(8, "little") + high.to_bytes(8, "little")


# -- AES


def round_keys(hart: Hart, key: bytes) -> list[tuple[int, int]]:
    words = [int.from_bytes(key[n : n + 8], "little") for n in range(0, len(key), 8)]
    out, rounds = list(words), 10 if len(key) == 16 else 14
    number = 0
    while len(out) < 2 * (rounds + 1):
        step = hart.aes64ks1i(words[-1], immediate=number)
        words[0] = hart.aes64ks2(step, words[0])
        words[1] = hart.aes64ks2(words[0], words[1])
        if len(words) == 4:
            words[2] = hart.aes64ks2(hart.aes64ks1i(words[1], immediate=10), words[2])
            words[3] = hart.aes64ks2(words[2], words[3])
        out += words
        number += 1
    return list(zip(out[0 : 2 * rounds + 2 : 2], out[1 : 2 * rounds + 2 : 2], strict=True))


def apply_rounds(hart: Hart, text: bytes, keys: list[tuple[int, int]], middle: str, last: str) -> bytes:
    low, high = halves(text)
    low, high = low ^ keys[0][0], high ^ keys[0][1]
    for n, (a, b) in enumerate(keys[1:], 1):
        step = getattr(hart, last if n == len(keys) - 1 else middle)
        low, high = step(low, high) ^ a, step(high, low) ^ b
    return joined(low, high)


AES = {
    "000102030405060708090a0b0c0d0e0f": "69c4e0d86a7b0430d8cdb78070b4c55a",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f": "8ea2b7ca516745bfeafc49904b496089",
}


@pytest.mark.parametrize("key", AES)
def test_aes(hart, key):
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")
    keys = round_keys(hart, bytes.fromhex(key))
    cipher = apply_rounds(hart, plain, keys, "aes64esm", "aes64es")
    assert cipher.hex() == AES[key]
    inner = [(hart.aes64im(a), hart.aes64im(b)) for a, b in keys[-2:0:-1]]
    assert apply_rounds(hart, cipher, [keys[-1], *inner, keys[0]], "aes64dsm", "aes64ds") == plain


# -- SHA-2


def primes(n: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < n:
        if all(candidate % p for p in found):
            found.append(candidate)
        candidate += 1
    return found


def cube_root(n: int) -> int:
    low, high = 0, 1 << (n.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= n else (low, middle - 1)
    return low


def sha2(hart: Hart, message: bytes, bits: int) -> str:
    """One block. The constants are the fractions of square and cube roots of primes (FIPS 180-4, 4.2 and 5.3)."""
    mask, size, rounds = (1 << bits) - 1, bits // 8, 64 if bits == 32 else 80
    constants = [cube_root(p << 3 * bits) & mask for p in primes(rounds)]
    state = initial = [isqrt(p << 2 * bits) & mask for p in primes(8)]
    block = message + b"\x80" + bytes(14 * size - len(message) - 1) + (8 * len(message)).to_bytes(2 * size, "big")
    w = [int.from_bytes(block[n : n + size], "big") for n in range(0, 16 * size, size)]
    sig0, sig1, sum0, sum1 = (
        getattr(hart, f"sha{256 if bits == 32 else 512}{n}") for n in ("sig0", "sig1", "sum0", "sum1")
    )
    for n in range(16, rounds):
        w.append((sig1(w[n - 2]) + w[n - 7] + sig0(w[n - 15]) + w[n - 16]) & mask)
    for n in range(rounds):
        a, b, c, d, e, f, g, h = state
        first = h + sum1(e) + ((e & f) ^ (~e & g)) + constants[n] + w[n]
        second = sum0(a) + ((a & b) ^ (a & c) ^ (b & c))
        state = [(first + second) & mask, a, b, c, (d + first) & mask, e, f, g]
    return "".join(f"{(x + y) & mask:0{2 * size}x}" for x, y in zip(initial, state, strict=True))


def test_sha256(hart):
    assert sha2(hart, b"abc", 32) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_sha512(hart):
    assert sha2(hart, b"abc", 64) == (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )


# -- SM4, SM3


def four_bytes(step, word: int, source: int) -> int:
    """One instruction for each byte; words are kept with their first byte lowest."""
    for n in range(4):
        word = step(word, source, n) & M32
    return word


def sm4_words(data: bytes) -> list[int]:
    return [int.from_bytes(data[n : n + 4], "little") for n in range(0, 16, 4)]


def test_sm4(hart):
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    family = bytes.fromhex("a3b1bac656aa3350677d9197b27022dc")
    keys = [a ^ b for a, b in zip(sm4_words(key), sm4_words(family), strict=True)]
    for n in range(32):
        constant = int.from_bytes(bytes((4 * n + j) * 7 & 0xFF for j in range(4)), "little")
        keys.append(four_bytes(hart.sm4ks, keys[n], keys[n + 1] ^ keys[n + 2] ^ keys[n + 3] ^ constant))

    def crypt(text: bytes, round_keys: list[int]) -> bytes:
        x = sm4_words(text)
        for n, k in enumerate(round_keys):
            x.append(four_bytes(hart.sm4ed, x[n], x[n + 1] ^ x[n + 2] ^ x[n + 3] ^ k))
        return b"".join(word.to_bytes(4, "little") for word in x[:-5:-1])

    cipher = crypt(key, keys[4:])
    assert cipher.hex() == "681edf34d206965e86b3e94f536e4246"
    assert crypt(cipher, keys[:3:-1]) == key


def rotate(x: int, by: int) -> int:
    return (x << by % 32 | x >> (32 - by) % 32) & M32 if by % 32 else x


def test_sm3(hart):
    initial = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]
    block = b"abc\x80" + bytes(58) + (24).to_bytes(2, "big")
    w = [int.from_bytes(block[n : n + 4], "big") for n in range(0, 64, 4)]
    for n in range(16, 68):
        w.append(hart.sm3p1(w[n - 16] ^ w[n - 9] ^ rotate(w[n - 3], 15)) & M32 ^ rotate(w[n - 13], 7) ^ w[n - 6])
    a, b, c, d, e, f, g, h = initial
    for n in range(64):
        t = 0x79CC4519 if n < 16 else 0x7A879D8A
        ss1 = rotate((rotate(a, 12) + e + rotate(t, n)) & M32, 7)
        ff = a ^ b ^ c if n < 16 else (a & b) | (a & c) | (b & c)
        gg = e ^ f ^ g if n < 16 else (e & f) | (~e & g)
        tt1 = (ff + d + (ss1 ^ rotate(a, 12)) + (w[n] ^ w[n + 4])) & M32
        tt2 = (gg + h + ss1 + w[n]) & M32
        a, b, c, d = tt1, a, rotate(b, 9), c
        e, f, g, h = hart.sm3p0(tt2) & M32, e, rotate(f, 19), g
    digest = "".join(f"{x ^ y:08x}" for x, y in zip(initial, (a, b, c, d, e, f, g, h), strict=True))
    assert digest == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
