"""Vector cryptography: Zvkg, Zvkned, Zvknha, Zvknhb, Zvksed, Zvksh (Unprivileged ISA, "Vector Cryptography
Extensions"). The steps of AES and the S-boxes are those of the scalar instructions, in core/crypto.h.
"""

from typing import Any

from ..dsl import bswap, call, const, lo32, select, u32, u64, zext
from .bits import brev8
from .groups import group


def _rotate_right(x, by: int):
    return (x >> by) | (x << (x.type.width - by))


def _rotate_left(x, by: int):
    return _rotate_right(x, x.type.width - by)


def _xor(a, b):
    return [x ^ y for x, y in zip(a, b, strict=True)]


def _pairs(words):
    """Four words as two u64."""
    return [zext(words[n]) | (zext(words[n + 1]) << 32) for n in (0, 2)]


def _words(pairs):
    return [word for pair in pairs for word in (lo32(pair), lo32(pair >> 32))]


# -- Zvkg: multiplication in GF(2^128) modulo x^128 + x^7 + x^2 + x + 1; GCM has the bits of each byte reversed


def _fold(high):
    """high * x^128 modulo the polynomial: the low 64 bits, and what goes beyond them."""
    return high ^ (high << 1) ^ (high << 2) ^ (high << 7), (high >> 63) ^ (high >> 62) ^ (high >> 57)


def _multiply(a, b):
    a0, a1 = (brev8(x) for x in a)
    b0, b1 = (brev8(x) for x in b)
    p0, p1 = call("clmul_low", a0, b0), call("clmul_high", a0, b0)
    p2, p3 = call("clmul_low", a1, b1), call("clmul_high", a1, b1)
    p1 = p1 ^ call("clmul_low", a0, b1) ^ call("clmul_low", a1, b0)
    p2 = p2 ^ call("clmul_high", a0, b1) ^ call("clmul_high", a1, b0)
    upper, beyond = _fold(p3)
    lower, carried = _fold(p2 ^ beyond)
    return [brev8(p0 ^ lower), brev8(p1 ^ upper ^ carried)]


@group("vv=101000", "10001", ext="Zvkg")
def vgmul(vd, vs2):
    return _words(_multiply(_pairs(vd), _pairs(vs2)))


@group("vv=101100", "vs1", ext="Zvkg")
def vghsh(vd, vs2, vs1):
    """One step of GHASH: the hash so far, the block vs1, the subkey vs2."""
    return _words(_multiply(_pairs(_xor(vd, vs1)), _pairs(vs2)))


# -- Zvkned: AES. The state is in vd, the round key in vs2.


def _both(name, state):
    low, high = _pairs(state)
    return [call(name, low, high), call(name, high, low)]


@group("vv=101000 vs=101001", "00001", ext="Zvkned")
def vaesdf(vd, vs2):
    """The last round of decryption."""
    return _xor(_words(_both("aes_unshift_sub", vd)), vs2)


@group("vv=101000 vs=101001", "00000", ext="Zvkned")
def vaesdm(vd, vs2):
    """A middle round of decryption: the key comes before InvMixColumns."""
    mixed = _pairs(_xor(_words(_both("aes_unshift_sub", vd)), vs2))
    return _words(call("aes_unmix", pair) for pair in mixed)


@group("vv=101000 vs=101001", "00011", ext="Zvkned")
def vaesef(vd, vs2):
    """The last round of encryption."""
    return _xor(_words(_both("aes_shift_sub", vd)), vs2)


@group("vv=101000 vs=101001", "00010", ext="Zvkned")
def vaesem(vd, vs2):
    """A middle round of encryption."""
    return _xor(_words(call("aes_mix", pair) for pair in _both("aes_shift_sub", vd)), vs2)


@group("vs=101001", "00111", ext="Zvkned")
def vaesz(vd, vs2):
    """Round zero: the key alone."""
    return _xor(vd, vs2)


def _key_words(first, rest):
    """Each next word of a round key is the exclusive or of the one before with the one of the key it comes from."""
    out = [first ^ rest[0]]
    for word in rest[1:]:
        out.append(out[-1] ^ word)
    return out


def _key_step(word, number):
    return lo32(call("aes_key_step", zext(word) << 32, number))


@group("vi=100010", "uimm[4:0]", ext="Zvkned")
def vaeskf1(vs2, uimm):
    """AES-128: the next round key. Numbers other than 1 to 10 have bit 3 inverted."""
    number = uimm & 15
    number = select((number == 0) | (number > 10), number ^ 8, number)
    return _key_words(_key_step(vs2[3], number - 1), vs2)


@group("vi=101010", "uimm[4:0]", ext="Zvkned")
def vaeskf2(vd, vs2, uimm):
    """AES-256: the next of the round keys vd, vs2. Numbers other than 2 to 14 have bit 3 inverted."""
    number = uimm & 15
    number = select((number < 2) | (number > 14), number ^ 8, number)
    return _key_words(_key_step(vs2[3], select((number & 1) != 0, 10, (number >> 1) - 1)), vd)


# -- Zvknha, Zvknhb: SHA-256 with SEW=32, SHA-512 with SEW=64 (FIPS 180-4, 4.1.2 and 4.1.3)

_SUM_0 = {32: (2, 13, 22), 64: (28, 34, 39)}
_SUM_1 = {32: (6, 11, 25), 64: (14, 18, 41)}
_SIGMA_0 = {32: (7, 18, 3), 64: (1, 8, 7)}
_SIGMA_1 = {32: (17, 19, 10), 64: (19, 61, 6)}


def _sum(x, amounts):
    a, b, c = amounts[x.type.width]
    return _rotate_right(x, a) ^ _rotate_right(x, b) ^ _rotate_right(x, c)


def _sigma(x, amounts):
    a, b, c = amounts[x.type.width]
    return _rotate_right(x, a) ^ _rotate_right(x, b) ^ (x >> c)


def _compress(vd, vs2, words):
    f, e, b, a = vs2
    h, g, d, c = vd
    for word in words:
        first = h + _sum(e, _SUM_1) + ((e & f) ^ (~e & g)) + word
        second = _sum(a, _SUM_0) + ((a & b) ^ (a & c) ^ (b & c))
        a, b, c, d, e, f, g, h = first + second, a, b, c, d + first, e, f, g
    return [f, e, b, a]


_SHA_2: dict[str, Any] = {"ext": "Zvknha", "sews": (32, 64), "apart": "vs1 vs2", "needs": {64: "Zvknhb"}}


@group("vv=101110", "vs1", **_SHA_2)
def vsha2ch(vd, vs2, vs1):
    """Two rounds with the upper words of vs1."""
    return _compress(vd, vs2, vs1[2:])


@group("vv=101111", "vs1", **_SHA_2)
def vsha2cl(vd, vs2, vs1):
    """Two rounds with the lower words of vs1."""
    return _compress(vd, vs2, vs1[:2])


@group("vv=101101", "vs1", **_SHA_2)
def vsha2ms(vd, vs2, vs1):
    """Words 16 to 19 of the message schedule, of 0 to 3 (vd), 4 and 9 to 11 (vs2), 12 to 15 (vs1)."""
    w = dict(zip((0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15), [*vd, *vs2, *vs1], strict=True))
    for n in range(16, 20):
        w[n] = _sigma(w[n - 2], _SIGMA_1) + w[n - 7] + _sigma(w[n - 15], _SIGMA_0) + w[n - 16]
    return [w[n] for n in range(16, 20)]


# -- Zvksed: SM4 (GB/T 32907-2016); words are the standard's numbers


def _substitute(word):
    box = [lo32(call("sm4_substitute", zext(word), const(n, u64))) << (8 * n) for n in range(4)]
    return box[0] | box[1] | box[2] | box[3]


@group("vv=101000 vs=101001", "10000", ext="Zvksed")
def vsm4r(vd, vs2):
    """Four rounds of encryption or decryption."""
    x = list(vd)
    for n in range(4):
        s = _substitute(x[n + 1] ^ x[n + 2] ^ x[n + 3] ^ vs2[n])
        x.append(x[n] ^ s ^ _rotate_left(s, 2) ^ _rotate_left(s, 10) ^ _rotate_left(s, 18) ^ _rotate_left(s, 24))
    return x[4:]


def _constant_of_key(number):
    """CK of 7.3.2: its bytes are the multiples of 7, modulo 256, from 28 times the number on."""
    out = None
    for n in range(4):
        byte = lo32(((number * 4 + n) * 7) & 0xFF) << (24 - 8 * n)
        out = byte if out is None else out | byte
    return out


@group("vi=100001", "uimm[4:0]", ext="Zvksed")
def vsm4k(vs2, uimm):
    """Four round keys of the group ``uimm`` modulo 8."""
    k = list(vs2)
    for n in range(4):
        s = _substitute(k[n + 1] ^ k[n + 2] ^ k[n + 3] ^ _constant_of_key((uimm & 7) * 4 + n))
        k.append(k[n] ^ s ^ _rotate_left(s, 13) ^ _rotate_left(s, 23))
    return k[4:]


# -- Zvksh: SM3 (GB/T 32905-2016); words are big-endian in the registers


@group("vv=100000", "vs1", ext="Zvksh", size=8, apart="vs2")
def vsm3me(vs2, vs1):
    """Words 16 to 23 of the message, of 0 to 7 (vs1) and 8 to 15 (vs2)."""
    w = [bswap(word) for word in [*vs1, *vs2]]
    for n in range(16, 24):
        x = w[n - 16] ^ w[n - 9] ^ _rotate_left(w[n - 3], 15)
        x = x ^ _rotate_left(x, 15) ^ _rotate_left(x, 23)
        w.append(x ^ _rotate_left(w[n - 13], 7) ^ w[n - 6])
    return [bswap(word) for word in w[16:]]


def _turned(early, late, is_early, by):
    """The constant of a round, rotated by its number."""
    t = select(is_early, const(early, u32), const(late, u32))
    return (t << by) | (t >> (-by & 31))


@group("vi=101011", "uimm[4:0]", ext="Zvksh", size=8, apart="vs2")
def vsm3c(vd, vs2, uimm):
    """Rounds 2*uimm and 2*uimm+1."""
    a, b, c, d, e, f, g, h = (bswap(word) for word in vd)
    w = [bswap(word) for word in vs2]
    early = uimm < 8
    for n in range(2):
        t = _turned(0x79CC4519, 0x7A879D8A, early, (uimm * 2 + n) & 31)
        first = _rotate_left(_rotate_left(a, 12) + e + t, 7)
        second = first ^ _rotate_left(a, 12)
        ff = select(early, a ^ b ^ c, (a & b) | (a & c) | (b & c))
        gg = select(early, e ^ f ^ g, (e & f) | (~e & g))
        tt1 = ff + d + second + (w[n] ^ w[n + 4])
        tt2 = gg + h + first + w[n]
        tt2 = tt2 ^ _rotate_left(tt2, 9) ^ _rotate_left(tt2, 17)
        a, b, c, d, e, f, g, h = tt1, a, _rotate_left(b, 9), c, tt2, e, _rotate_left(f, 19), g
    return [bswap(word) for word in (a, b, c, d, e, f, g, h)]
