"""The discrete Fourier transform of pairs (real part, imaginary part).

Without factors, the transform with exp(-2πi jk/n) and that with exp(+2πi jk/n) are each other's
adjoints: each is the other's vjp.
"""

import numpy as np

from deepbasics.backends.numpy.rules.shape import pad
from deepbasics.backends.numpy.trace import primitive


def _parts(z, like):
    return np.ascontiguousarray(z.real, like.dtype), np.ascontiguousarray(z.imag, like.dtype)


def _fft(real, imag, axes, inverse):
    transform, settings = (np.fft.ifftn, {"norm": "forward"}) if inverse else (np.fft.fftn, {})
    return _parts(transform(real + 1j * imag, axes=axes, **settings), real)


def _fft_vjp(g, y, real, imag, axes, inverse):
    return tuple(fft(*g, axes=axes, inverse=not inverse))


fft = primitive("fft", _fft, joint=_fft_vjp, analytic=False)


def _rfft(x):
    return _parts(np.fft.rfft(x), x)


def _rfft_vjp(g, y, x):
    missing = x.shape[-1] - g[0].shape[-1]
    widths = (*[(0, 0)] * (len(x.shape) - 1), (0, missing))
    return fft(*(pad(part, widths=widths, value=0) for part in g),
               axes=(len(x.shape) - 1,), inverse=True)[0]  # fmt: skip


rfft = primitive("rfft", _rfft, _rfft_vjp, analytic=False)  # frequencies 0 to n // 2
