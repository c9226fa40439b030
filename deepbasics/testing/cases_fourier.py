"""Rows of the table for Fourier transforms, and for formulas of letters and names."""

from typing import Any

from deepbasics import ops
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.derived import BLOCK, MATRIX
from deepbasics.testing.derived import row as op
from deepbasics.testing.primitives import row

SIGNAL = Draw("a h")
STFT = {"sequence_length": 4, "sequence_stride": 2, "fft_length": 5}


def _of_pair(name: str, label: str = "", draw: Draw = BLOCK, **settings: Any) -> Case:
    function = getattr(ops, name)
    return Case(name, (draw, draw), lambda a, b, **s: function((a, b), **s), settings,
                "reduction", True, "", label)  # fmt: skip


def _summed(formula: str, *draws: str) -> Case:
    letters = tuple(Draw(axes) for axes in draws)
    return Case("einsum", letters, lambda *xs: ops.einsum(formula, *xs), {}, "reduction", True, "",
                formula)  # fmt: skip


PRIMITIVES = [
    row("fft", BLOCK, BLOCK, kind="reduction", empty="", axes=(2,), inverse=False),
    row("fft", BLOCK, BLOCK, kind="reduction", empty="", label="two", axes=(1, 2), inverse=True),
    row("rfft", MATRIX, kind="reduction", empty=""),
    row("rfft", Draw("n k"), kind="reduction", empty="", label="even"),
]

DERIVED = [
    *(_of_pair(name) for name in ("fft", "fft2", "ifft2")),
    op("rfft", MATRIX, kind="reduction"),
    op("rfft", MATRIX, kind="reduction", label="longer", fft_length=8),
    _of_pair("irfft"),
    _of_pair("irfft", "odd", fft_length=7),
    op("stft", SIGNAL, kind="reduction", **STFT),
    op("stft", SIGNAL, kind="reduction", label="hamming", window="hamming", center=False, **STFT),
    _of_pair("istft", draw=Draw("a m n"), **STFT),
    _of_pair("istft", "length", Draw("m n"), length=7, window=None, center=False, **STFT),
    _summed("ij,jk->ik", "n k", "k m"),
    _summed("ij,jk", "n k", "k m"),
    _summed("bij,bjk->bki", "a n k", "a k m"),
    _summed("i,j,k->kij", "n", "m", "k"),
    _summed("...ij,...j->...i", "a n m", "m"),
    _summed("ii->i", "n n"),
    _summed("iji", "n k n"),
    _summed("ij->", "n m"),
    _summed("abc,cd,ad->b", "a n m", "m k", "a k"),
    op("rearrange", Draw("n k m"), kind="exact", pattern="a (b c) d -> (d a) c 1 b", c=2),
]
