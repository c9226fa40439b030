"""Fingerprints of strings as TensorFlow, and with it Keras, takes them: FarmHash and SipHash.

Both are given by their authors' reference code; 64-bit unsigned arithmetic on Python integers.
"""

from collections.abc import Sequence

_MASK = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def bucket(text: bytes, buckets: int, key: Sequence[int] | None = None) -> int:
    """Which of `buckets` a string falls in, by `siphash64` where there is a key.

    >>> bucket(b"hello", 10), bucket(b"hello", 10, (1, 2))
    (6, 2)
    """
    return (farmhash64(text) if key is None else siphash64(text, key)) % buckets


# FarmHash -----------------------------------------------------------------------------------------


def farmhash64(text: bytes) -> int:
    """FarmHash's Fingerprint64 (G. Pike, 2014), which is `farmhashna::Hash64`."""
    n = len(text)
    if n <= 16:
        return _up_to_16(text, n)
    if n <= 32:
        return _up_to_32(text, n)
    return _up_to_64(text, n) if n <= 64 else _long(text, n)


def _word(text: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(text[at : at + size], "little")


def _right(x: int, by: int) -> int:
    """Rotated to the right."""
    x &= _MASK
    return (x >> by | x << (64 - by)) & _MASK


def _folded(x: int) -> int:
    x &= _MASK
    return x ^ x >> 47


def _mixed(u: int, v: int, multiplier: int) -> int:
    """Two words as one."""
    a = _folded((u ^ v) * multiplier)
    return _folded((v ^ a) * multiplier) * multiplier & _MASK


def _up_to_16(text: bytes, n: int) -> int:
    multiplier = _K2 + 2 * n
    if n >= 8:
        a, b = _word(text, 0) + _K2 & _MASK, _word(text, n - 8)
        c = _right(b, 37) * multiplier + a
        d = (_right(a, 25) + b) * multiplier
        return _mixed(c & _MASK, d & _MASK, multiplier)
    if n >= 4:
        return _mixed(n + (_word(text, 0, 4) << 3), _word(text, n - 4, 4), multiplier)
    if n == 0:
        return _K2
    first = text[0] + (text[n >> 1] << 8)
    last = n + (text[-1] << 2)
    return _folded(first * _K2 & _MASK ^ last * _K0 & _MASK) * _K2 & _MASK


def _ends(text: bytes, n: int, first: int) -> tuple[int, int, int, int]:
    """The words a, b at the start, and what the words at the end give: (a, b, d-sum, c)."""
    multiplier = _K2 + 2 * n
    a, b = _word(text, 0) * first & _MASK, _word(text, 8)
    c = _word(text, n - 8) * multiplier & _MASK
    total = _right(a + b, 43) + _right(c, 30) + _word(text, n - 16) * _K2
    return a, b, total & _MASK, c


def _up_to_32(text: bytes, n: int) -> int:
    a, b, total, c = _ends(text, n, _K1)
    return _mixed(total, a + _right(b + _K2, 18) + c & _MASK, _K2 + 2 * n)


def _up_to_64(text: bytes, n: int) -> int:
    multiplier = _K2 + 2 * n
    a, b, y, c = _ends(text, n, _K2)
    z = _mixed(y, a + _right(b + _K2, 18) + c & _MASK, multiplier)
    e, f = _word(text, 16) * multiplier & _MASK, _word(text, 24)
    g = (y + _word(text, n - 32)) * multiplier & _MASK
    h = (z + _word(text, n - 24)) * multiplier & _MASK
    u = _right(e + f, 43) + _right(g, 30) + h
    return _mixed(u & _MASK, e + _right(f + a, 18) + g & _MASK, multiplier)


def _weak(text: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """32 bytes with two seeds."""
    w, x, y, z = (_word(text, at + 8 * i) for i in range(4))
    a += w
    b = _right(b + a + z, 21)
    start = a
    a += x + y
    b += _right(a, 44)
    return a + z & _MASK, b + start & _MASK


State = tuple[int, int, int, tuple[int, int], tuple[int, int]]


def _block(text: bytes, at: int, state: State, multiplier: int, times: int) -> State:
    """64 bytes taken into the state; the last block differs in two factors."""
    x, y, z, v, w = state
    x = _right(x + y + v[0] + _word(text, at + 8), 37) * multiplier & _MASK
    y = _right(y + v[1] + _word(text, at + 48), 42) * multiplier & _MASK
    x ^= w[1] * times & _MASK
    y = y + v[0] * times + _word(text, at + 40) & _MASK
    z = _right(z + w[0], 33) * multiplier & _MASK
    v = _weak(text, at, v[1] * multiplier, x + w[0])
    w = _weak(text, at + 32, z + w[1], y + _word(text, at + 16))
    return z, y, x, v, w


def _long(text: bytes, n: int) -> int:
    seed = 81
    y = seed * _K1 + 113 & _MASK
    z = _folded(y * _K2 + 113) * _K2 & _MASK
    state: State = (seed * _K2 + _word(text, 0) & _MASK, y, z, (0, 0), (0, 0))
    for at in range(0, (n - 1) // 64 * 64, 64):
        state = _block(text, at, state, _K1, 1)
    x, y, z, v, w = state
    multiplier = _K1 + ((z & 0xFF) << 1) & _MASK
    first = w[0] + ((n - 1) & 63)
    v = (v[0] + first & _MASK, v[1])
    w = (first + v[0] & _MASK, w[1])
    x, y, z, v, w = _block(text, n - 64, (x, y, z, v, w), multiplier, 9)
    one = _mixed(v[0], w[0], multiplier) + _folded(y) * _K0 + z
    two = _mixed(v[1], w[1], multiplier) + x
    return _mixed(one & _MASK, two & _MASK, multiplier)


# SipHash ------------------------------------------------------------------------------------------

_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def _left(x: int, by: int) -> int:
    return (x << by | x >> (64 - by)) & _MASK


def _round(a: int, b: int, c: int, d: int) -> tuple[int, int, int, int]:
    a, c = a + b & _MASK, c + d & _MASK
    b, d, a = _left(b, 13) ^ a, _left(d, 16) ^ c, _left(a, 32)
    c, a = c + b & _MASK, a + d & _MASK
    return a, _left(b, 17) ^ c, _left(c, 32), _left(d, 21) ^ a


def siphash64(text: bytes, key: Sequence[int]) -> int:
    """SipHash-2-4 (Aumasson & Bernstein, 2012) with a key of two 64-bit integers."""
    k0, k1 = (int(k) & _MASK for k in key)
    a, b, c, d = (s ^ k for s, k in zip(_START, (k0, k1, k0, k1), strict=True))
    n = len(text)
    padded = text + bytes(7 - n % 8) + bytes([n & 0xFF])
    for at in range(0, len(padded), 8):
        word = _word(padded, at)
        a, b, c, d = _round(*_round(a, b, c, d ^ word))
        a ^= word
    c ^= 0xFF
    for _ in range(4):
        a, b, c, d = _round(a, b, c, d)
    return a ^ b ^ c ^ d
