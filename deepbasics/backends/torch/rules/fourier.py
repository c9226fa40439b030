"""The discrete Fourier transform of pairs (real part, imaginary part)."""

import torch
from torch import Tensor


def _fft(real: Tensor, imag: Tensor, axes: tuple[int, ...], inverse: bool) -> tuple[Tensor, Tensor]:
    z = torch.complex(real, imag)
    z = torch.fft.ifftn(z, dim=axes, norm="forward") if inverse else torch.fft.fftn(z, dim=axes)
    return z.real, z.imag


def _rfft(x: Tensor) -> tuple[Tensor, Tensor]:
    z = torch.fft.rfft(x)
    return z.real, z.imag


RULES = {"fft": _fft, "rfft": _rfft}
