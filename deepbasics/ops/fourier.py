"""Fourier transforms. Complex numbers are pairs of tensors: (real part, imaginary part)."""

from typing import Any

import numpy as np

from deepbasics.ops.blocks import extract_sequences
from deepbasics.ops.call import call, dtype_of, float_tensor, one_axis, pair, tensor
from deepbasics.ops.elementwise import divide, multiply, negative, where
from deepbasics.ops.shape import flip, get_item, pad, reshape

__all__ = ["fft", "fft2", "ifft2", "irfft", "istft", "rfft", "stft"]

Tensor = Any
Pair = tuple[Tensor, Tensor]


def _pair(x: Any, name: str, least: int = 1) -> Pair:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(f"ops.{name} takes a pair (real part, imaginary part) of tensors.")
    real, imag = pair(float_tensor(x[0]), float_tensor(x[1]))
    if tuple(real.shape) != tuple(imag.shape) or len(real.shape) < least:
        raise ValueError(
            f"ops.{name} needs two tensors of one shape with {least} axes or more; got shapes "
            f"{tuple(real.shape)} and {tuple(imag.shape)}."
        )
    return real, imag


def _transformed(parts: Pair, count: int, inverse: bool) -> Pair:
    n = len(parts[0].shape)
    return tuple(call("fft", *parts, axes=tuple(range(n - count, n)), inverse=inverse))


def fft(x: Pair) -> Pair:
    """Σ x[j] exp(-2πi jk/n) over the last axis of a pair (real part, imaginary part)."""
    return _transformed(_pair(x, "fft"), 1, False)


def fft2(x: Pair) -> Pair:
    """As `ops.fft`, over the last two axes."""
    return _transformed(_pair(x, "fft2", 2), 2, False)


def ifft2(x: Pair) -> Pair:
    """The inverse of `ops.fft2`."""
    real, imag = _pair(x, "ifft2", 2)
    size = float(real.shape[-1] * real.shape[-2])
    return tuple(divide(part, size) for part in _transformed((real, imag), 2, True))


def _sized(x: Tensor, n: int) -> Tensor:
    """The last axis cut, or filled up with zeros, to length n."""
    x = get_item(x, (..., slice(0, n)))
    missing = n - x.shape[-1]
    return pad(x, [(0, 0)] * (len(x.shape) - 1) + [(0, missing)]) if missing else x


def rfft(x: Any, fft_length: int | None = None) -> Pair:
    """Frequencies 0 to n // 2 of the transform of a real signal over its last axis, as a pair.

    `fft_length` cuts the signal, or fills it up with zeros, to that length first.
    """
    x = float_tensor(x)
    return tuple(call("rfft", x if fft_length is None else _sized(x, int(fft_length))))


def irfft(x: Pair, fft_length: int | None = None) -> Tensor:
    """The real signal of length `fft_length` (None: 2 (k - 1)) with the k frequencies of a pair."""
    real, imag = _pair(x, "irfft")
    n = 2 * (real.shape[-1] - 1) if fft_length is None else int(fft_length)
    if n < 1:
        raise ValueError(f"irfft: a signal of {n} entries; pass fft_length.")
    half = n // 2 + 1
    real, imag = _sized(real, half), _sized(imag, half)
    imag = multiply(imag, _own_mirror(n, dtype_of(imag)))
    mirror = slice(1, n - half + 1)
    last = len(real.shape) - 1
    whole = [
        call("concatenate", part, flip(sign(get_item(part, (..., mirror))), -1), axis=last)
        for part, sign in ((real, tensor), (imag, negative))
    ]
    return divide(call("fft", *whole, axes=(last,), inverse=True)[0], float(n))


def _own_mirror(n: int, dtype: str) -> Tensor:
    """0 at the frequencies that are their own mirror image, whose imaginary part is ignored."""
    keep = np.ones(n // 2 + 1)
    keep[0] = 0
    if n % 2 == 0:
        keep[-1] = 0
    return tensor(keep, dtype)


# short-time ---------------------------------------------------------------------------------------


def _window(window: Any, length: int, fft_length: int, dtype: str) -> Tensor:
    """A window's values, in the middle of `fft_length` entries."""
    if window is None:
        values = tensor(np.ones(length), dtype)
    elif isinstance(window, str):
        shares = {"hann": 0.5, "hamming": 0.54}
        if window not in shares:
            raise ValueError(f'window must be "hann", "hamming", a tensor or None; got {window!r}.')
        wave = np.cos(2 * np.pi * np.arange(length) / length)  # of period `length`
        values = tensor(shares[window] - (1 - shares[window]) * wave, dtype)
    else:
        values = tensor(window, dtype)
    if tuple(values.shape) != (length,):
        raise ValueError(f"The window needs shape ({length},); got {tuple(values.shape)}.")
    before = (fft_length - length) // 2
    return pad(values, ((before, fft_length - length - before),))


def _check_lengths(name: str, sequence_length: int, fft_length: int) -> None:
    if fft_length < sequence_length:
        raise ValueError(
            f"{name}: fft_length must be at least sequence_length ({sequence_length}); "
            f"got {fft_length}."
        )


def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> Pair:
    """The transform of windowed pieces of a signal: (..., n) to a pair (..., pieces, frequencies).

    `center`: a piece's middle, not its start, lies at each multiple of the stride; the signal is
    reflected at its ends. `window`: "hann", "hamming", a tensor (sequence_length,), or None.
    """
    _check_lengths("stft", sequence_length, fft_length)
    x = float_tensor(x)
    if center:
        half = fft_length // 2
        x = pad(x, [(0, 0)] * (len(x.shape) - 1) + [(half, half)], mode="reflect")
    pieces = extract_sequences(x, fft_length, sequence_stride)
    return rfft(multiply(pieces, _window(window, sequence_length, fft_length, dtype_of(x))))


def istft(
    x: Pair,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """The signal (of `length` entries) whose `ops.stft` is the pair `x`.

    Pieces are windowed again, added up where they overlap, and divided by the sum of the squared
    windows: the signal with the least squared distance (Griffin & Lim 1984).
    """
    _check_lengths("istft", sequence_length, fft_length)
    pieces = irfft(x, fft_length)
    shape = _window(window, sequence_length, fft_length, dtype_of(pieces))
    total = _overlapped(multiply(pieces, shape), sequence_stride)
    count = pieces.shape[-2]
    weight = call("broadcast_to", call("square", shape), shape=(count, fft_length))
    weight = _overlapped(weight, sequence_stride)
    small = call("less_equal", weight, 1e-10)
    signal = where(small, total, divide(total, where(small, 1.0, weight)))
    start = fft_length // 2 if center else 0
    end = signal.shape[-1] - start if length is None else start + length
    return _sized(get_item(signal, (..., slice(start, end))), end - start)


def _overlapped(pieces: Tensor, stride: int) -> Tensor:
    """Pieces added up, each starting a stride after the one before."""
    count, n = pieces.shape[-2:]
    head, axis = tuple(pieces.shape[:-2]), one_axis(-2, len(pieces.shape))
    places = (np.arange(count)[:, None] * stride + np.arange(n)).reshape(-1)
    flat = reshape(pieces, (*head, count * n))
    return call("add_at", flat, tensor(places), axis=axis, shape=(*head, (count - 1) * stride + n))
