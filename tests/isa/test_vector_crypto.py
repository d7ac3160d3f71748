"""Ciphers and hashes as vector programs, against the examples that the standards publish.

AES: FIPS 197, appendices C.1 and C.3. SHA-256 and SHA-512: NIST, "Examples with Intermediate Values" for FIPS 180-4.
GHASH: "The Galois/Counter Mode of Operation (GCM)", appendix B, test cases 2, 4 and 16. SM4: GB/T 32907-2016,
appendix A. SM3: GB/T 32905-2016, appendix A.
"""

from __future__ import annotations

from math import isqrt

import pytest
from vectors import DATA, VTYPE, Unit


@pytest.fixture(scope="module", params=[128, 256, 1024])
def unit(request):
    made = Unit("zvbb_zvbc_zvkng_zvksg", request.param)
    yield made
    made.close()


def setting(groups: int, size: int, sew: int, vlen: int) -> str:
    """vsetvli for this many groups of ``size`` elements, with the least LMUL that holds them."""
    lmul = next(n for n in (1, 2, 4, 8) if n * vlen >= groups * size * sew)
    return f"li t0, {groups * size}\nvsetvli t1, t0, {VTYPE[sew, lmul]}\n"


# -- AES

PLAIN = bytes(range(0, 256, 17))
AES = [
    (16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
    (32, "8ea2b7ca516745bfeafc49904b496089"),
]


def key_schedule(unit: Unit, key: bytes) -> list[bytes]:
    """All round keys, by vaeskf1 or vaeskf2."""
    keys = [key[n : n + 16] for n in range(0, len(key), 16)]
    source = setting(1, 4, 32, unit.vlen)
    for number in range(1 if len(key) == 16 else 2, 11 if len(key) == 16 else 15):
        if len(key) == 16:
            source += f"vaeskf1.vi v2, v2, {number}\nvse32.v v2, (a0)\naddi a0, a0, 16\n"
        else:  # the even ones in v1, the odd ones in v2
            now, before = (1, 2) if number % 2 == 0 else (2, 1)
            source += f"vaeskf2.vi v{now}, v{before}, {number}\nvse32.v v{now}, (a0)\naddi a0, a0, 16\n"
    if len(key) == 16:
        unit.put(2, keys[0])
    else:
        unit.put(1, keys[0])
        unit.put(2, keys[1])
    unit.hart.x["a0"] = DATA
    assert unit.run(source) == 0
    rounds = 10 if len(key) == 16 else 14
    stored = unit.machine.memory.read(DATA, 16 * (rounds + 1 - len(keys)))
    return keys + [stored[n : n + 16] for n in range(0, len(stored), 16)]


def aes(unit: Unit, blocks: bytes, keys: list[bytes], middle: str, last: str, form: str) -> bytes:
    """Encrypts or decrypts all blocks at once; ``form``: vs, one key for all, or vv, a copy of it for each."""
    count = len(blocks) // 16
    unit.machine.memory.write(DATA, blocks)
    copies = 1 if form == "vs" else count
    for n, key in enumerate(keys):
        unit.machine.memory.write(DATA + 0x1000 + n * 0x200, key * copies)
    unit.hart.x["a0"], unit.hart.x["a1"] = DATA, DATA + 0x1000
    load = setting(copies, 4, 32, unit.vlen) + "vle32.v v16, (a1)\naddi a1, a1, 0x200\n" + setting(
        count, 4, 32, unit.vlen
    )  # fmt: skip
    source = setting(count, 4, 32, unit.vlen) + "vle32.v v8, (a0)\n" + load
    source += "vaesz.vs v8, v16\n" if form == "vs" else "vxor.vv v8, v8, v16\n"
    for _ in keys[1:-1]:
        source += f"{load}{middle}.{form} v8, v16\n"
    source += f"{load}{last}.{form} v8, v16\nvse32.v v8, (a0)\n"
    assert unit.run(source) == 0
    return unit.machine.memory.read(DATA, len(blocks))


@pytest.mark.rules(
    "vaesdf_final", "vaesdf_ops", "vaesdf_xor_form", "vaesdm_mid", "vaesdm_ops", "vaesdm_xor_form", "vaesdm_invmix",
    "vaesef_final", "vaesef_ops", "vaesef_xor_form", "vaesem_mid", "vaesem_ops", "vaesem_xor_form", "vaesz_round0",
    "vaesz_vs_only", "vaesz_vs2_rk",
)  # fmt: skip
@pytest.mark.parametrize("form", ["vv", "vs"])
@pytest.mark.parametrize(("size", "cipher"), AES)
def test_aes(unit, size, cipher, form):
    keys = key_schedule(unit, bytes(range(size)))
    # The other blocks are not the standard's: they only must come back.
    blocks = PLAIN + bytes(range(64, 112))
    encrypted = aes(unit, blocks, keys, "vaesem", "vaesef", form)
    assert encrypted[:16].hex() == cipher
    assert len({encrypted[n : n + 16] for n in range(0, 64, 16)}) == 4
    assert aes(unit, encrypted, keys[::-1], "vaesdm", "vaesdf", form) == blocks


@pytest.mark.rules("vaeskf1_round", "vaeskf1_wordgen")
def test_key_schedule_of_aes_128_ends_as_in_fips_197(unit):
    """Appendix A.1."""
    keys = key_schedule(unit, bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    assert keys[1].hex() == "a0fafe1788542cb123a339392a6c7605"
    assert keys[10].hex() == "d014f9a8c9ee2589e13f0cc8b6630ca6"


@pytest.mark.rules("vaeskf2_round", "vaeskf2_wordgen", "vaeskf2_rcon_lsw", "vaeskf2_rcon_func")
def test_key_schedule_of_aes_256_ends_as_in_fips_197(unit):
    """Appendix A.3."""
    keys = key_schedule(unit, bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"))
    assert keys[2].hex() == "9ba354118e6925afa51a8b5f2067fcde"
    assert keys[14].hex() == "fe4890d1e6188d0b046df344706c631e"


# -- GHASH

GCM = [
    # (H, associated data, cipher text, GHASH)
    ("66e94bd4ef8a2c3b884cfa59ca342b2e", "", "0388dace60b6a392f328c2b971b2fe78", "f38cbb1ad69223dcc3457ae5b6b0f885"),
    ("b83b533708bf535d0aa6e52980d53b78", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac97"
     "3d58e091", "698e57f70e6ecc7fd9463b7260a9ae5f"),
    ("acbef20579b4b8ebce889bac8732dad7", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f662", "8bd0c4d8aacd391e67cca447e8c38f65"),
]  # fmt: skip


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


@pytest.mark.rules("vghsh-vv_op", "vgmul-vv_op")
@pytest.mark.parametrize("instruction", ["vghsh", "vgmul"])
@pytest.mark.parametrize("case", GCM, ids=["2", "4", "16"])
def test_ghash(unit, case, instruction):
    key, associated, cipher, expected = map(bytes.fromhex, case)
    lengths = (8 * len(associated)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big")
    blocks = padded(associated) + padded(cipher) + lengths
    unit.machine.memory.write(DATA, blocks)
    unit.put(2, key)
    unit.put(1, bytes(16))
    unit.hart.x["a0"], unit.hart.x["a1"] = DATA, len(blocks) // 16
    step = "vghsh.vv v1, v2, v3" if instruction == "vghsh" else "vxor.vv v1, v1, v3\nvgmul.vv v1, v2"
    source = f"{setting(1, 4, 32, unit.vlen)}1: vle32.v v3, (a0)\n{step}\naddi a0, a0, 16\naddi a1, a1, -1\nbnez a1, 1b"
    assert unit.run(source) == 0
    assert unit.get(1, 16) == expected


# -- SHA-2


def primes(n: int) -> list[int]:
    found: list[int] = []
    at = 2
    while len(found) < n:
        if all(at % p for p in found):
            found.append(at)
        at += 1
    return found


def cube_root(n: int) -> int:
    root = 1 << (n.bit_length() // 3 + 1)
    while (better := (2 * root + n // root**2) // 3) < root:
        root = better
    return root


def round_constants(bits: int) -> list[int]:
    """FIPS 180-4, 4.2.2 and 4.2.3: the fractions of the cube roots of the first primes."""
    return [cube_root(p << 3 * bits) & (1 << bits) - 1 for p in primes(64 if bits == 32 else 80)]


def initial_state(bits: int) -> list[int]:
    """FIPS 180-4, 5.3.3 and 5.3.5: the fractions of the square roots of the first eight primes."""
    return [isqrt(p << 2 * bits) & (1 << bits) - 1 for p in primes(8)]


def sha2(unit: Unit, message: bytes, bits: int) -> str:
    """The message schedule lives in v10 to v16, the state in v20 and v22, each four words; v0 picks the lowest."""
    size, block = bits // 8, bits * 2
    filled = message + b"\x80" + bytes(-(len(message) + 1 + 2 * size) % block)
    filled += (8 * len(message)).to_bytes(2 * size, "big")
    rounds = 64 if bits == 32 else 80
    constants = b"".join(k.to_bytes(size, "little") for k in round_constants(bits))
    a, b, c, d, e, f, g, h = initial_state(bits)
    memory = unit.machine.memory
    for at, words in ((0, (f, e, b, a)), (4 * size, (h, g, d, c))):
        memory.write(DATA + 0x2000 + at, b"".join(w.to_bytes(size, "little") for w in words))
    memory.write(DATA + 0x1000, constants)
    memory.write(DATA, filled)
    load = f"vle{bits}.v"
    source = setting(1, 4, bits, unit.vlen) + f"""
        vmv.v.i v0, 1
        {load} v20, (a2)
        addi a2, a2, {4 * size}
        {load} v22, (a2)
    block:
        vmv.v.v v24, v20
        vmv.v.v v26, v22
        mv a3, a1
    """  # fmt: skip
    for n in range(4):
        register = 10 + 2 * n
        source += f"{load} v{register}, (a0)\nvrev8.v v{register}, v{register}\naddi a0, a0, {4 * size}\n"
    source += f"""
        li a5, {rounds // 16}
    rounds:
    """
    for n in range(4):
        w0, w4, w8, w12 = (10 + 2 * ((n + k) % 4) for k in range(4))
        source += f"""
        {load} v2, (a3)
        addi a3, a3, {4 * size}
        vadd.vv v4, v{w0}, v2
        vsha2cl.vv v22, v20, v4
        vsha2ch.vv v20, v22, v4
        vmerge.vvm v6, v{w8}, v{w4}, v0
        vsha2ms.vv v{w0}, v6, v{w12}
        """
    source += """
        addi a5, a5, -1
        bnez a5, rounds
        vadd.vv v20, v20, v24
        vadd.vv v22, v22, v26
        addi a4, a4, -1
        bnez a4, block
    """
    unit.hart.x["a0"], unit.hart.x["a1"], unit.hart.x["a2"] = DATA, DATA + 0x1000, DATA + 0x2000
    unit.hart.x["a4"] = len(filled) // block
    assert unit.run(source) == 0

    def words(register: int) -> list[int]:
        data = unit.get(register, 4 * size)
        return [int.from_bytes(data[n : n + size], "little") for n in range(0, 4 * size, size)]

    (f, e, b, a), (h, g, d, c) = words(20), words(22)
    return "".join(f"{x:0{2 * size}x}" for x in (a, b, c, d, e, f, g, h))


SHA_2 = {
    (32, b"abc"): "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    (32, b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"): (
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (64, b"abc"): (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    ),
    (64, b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
         b"nopqrstu"): (
        "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
        "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"
    ),
}  # fmt: skip


@pytest.mark.rules("vsha2ch-vv_op", "vsha2cl-vv_op", "vsha2ms-vv_op")
@pytest.mark.parametrize(("bits", "message"), SHA_2, ids=["256-1", "256-2", "512-1", "512-2"])
def test_sha2(unit, bits, message):
    assert sha2(unit, message, bits) == SHA_2[bits, message]


# -- SM4

SM4_KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")
SM4_FAMILY = bytes.fromhex("a3b1bac656aa3350677d9197b27022dc")


def sm4_schedule(unit: Unit) -> None:
    """Round keys of the example in v8 to v15, four in each."""
    unit.put(1, SM4_KEY)
    unit.put(2, SM4_FAMILY)
    source = setting(1, 4, 32, unit.vlen) + "vxor.vv v1, v1, v2\nvrev8.v v1, v1\n"
    source += "".join(f"vsm4k.vi v{8 + n}, v{1 if n == 0 else 7 + n}, {n}\n" for n in range(8))
    assert unit.run(source) == 0


def sm4(unit: Unit, block: bytes, keys: list[int], form: str = "vv", times: int = 1) -> bytes:
    """The block encrypted so many times: the last four words of the state in reverse order are the result."""
    unit.put(3, block)
    unit.put(4, b"".join(n.to_bytes(4, "little") for n in (3, 2, 1, 0)))
    unit.hart.x["a0"] = times
    rounds = "".join(f"vsm4r.{form} v3, v{key}\n" for key in keys)
    source = f"""
        {setting(1, 4, 32, unit.vlen)}
        vrev8.v v3, v3
    1:  {rounds}
        vrgather.vv v5, v3, v4
        vmv.v.v v3, v5
        addi a0, a0, -1
        bnez a0, 1b
        vrev8.v v3, v3
    """
    assert unit.run(source, 20 * times + 1000) == 0
    return unit.get(3, 16)


@pytest.mark.rules("vsm4r_op", "vsm4k-vi_op")
@pytest.mark.parametrize("form", ["vv", "vs"])
def test_sm4(unit, form):
    sm4_schedule(unit)
    cipher = sm4(unit, SM4_KEY, list(range(8, 16)), form)
    assert cipher.hex() == "681edf34d206965e86b3e94f536e4246"


def test_sm4_decrypts_with_the_keys_in_reverse(unit):
    sm4_schedule(unit)
    for n in range(8):  # the words of each four, too
        data = unit.get(8 + n, 16)
        unit.put(8 + n, b"".join(data[at : at + 4] for at in (12, 8, 4, 0)))
    assert sm4(unit, bytes.fromhex("681edf34d206965e86b3e94f536e4246"), list(range(15, 7, -1))) == SM4_KEY


def test_sm4_a_million_times(unit):
    """Example 2."""
    sm4_schedule(unit)
    assert sm4(unit, SM4_KEY, list(range(8, 16)), "vv", 1_000_000).hex() == "595298c7c6fd271f0402f804c33d3f66"


# -- SM3


def sm3(unit: Unit, message: bytes) -> str:
    """The state in v8, the words of the message in v10, v12, v14 by turns, eight in each."""
    filled = message + b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8, "big")
    unit.machine.memory.write(DATA, filled)
    initial = "7380166f4914b2b9172442d7da8a0600a96f30bc163138aae38dee4db0fb0e4e"
    unit.put(8, bytes.fromhex(initial))
    unit.hart.x["a0"], unit.hart.x["a1"] = DATA, len(filled) // 64
    source = setting(1, 8, 32, unit.vlen) + """
    block:
        vmv.v.v v6, v8
        vle32.v v10, (a0)
        addi a0, a0, 32
        vle32.v v12, (a0)
        addi a0, a0, 32
    """  # fmt: skip
    # Rounds 4n and 4n+1 want words 4n, 4n+1, 4n+4, 4n+5: the lower half of what vsm3c reads is always in place.
    names = [10, 12, 14]
    for n in range(8):
        now, following, free = (names[(n + k) % 3] for k in range(3))
        source += f"""
        vsm3c.vi v8, v{now}, {4 * n}
        vslidedown.vi v2, v{now}, 2
        vsm3c.vi v8, v2, {4 * n + 1}
        vslidedown.vi v2, v{now}, 4
        vslideup.vi v2, v{following}, 4
        vsm3c.vi v8, v2, {4 * n + 2}
        vslidedown.vi v4, v2, 2
        vsm3c.vi v8, v4, {4 * n + 3}
        vsm3me.vv v{free}, v{following}, v{now}
        """
    source += "vxor.vv v8, v8, v6\naddi a1, a1, -1\nbnez a1, block"
    assert unit.run(source) == 0
    return unit.get(8, 32).hex()


SM3 = {
    b"abc": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
    b"abcd" * 16: "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
}


@pytest.mark.rules("vsm3c-vi_op", "vsm3me-vv_op")
@pytest.mark.parametrize("message", SM3, ids=["1", "2"])
def test_sm3(unit, message):
    assert sm3(unit, message) == SM3[message]
