"""An LSTM layer by hand: one product for all inputs, one small product for each step.

The gates lie in the order candidate, input, forget, output: the three sigmoids side by side, and
so the three that the gradient of the cell reaches.
"""

import numpy as np

from benchmarks.columns.by_hand.dense import Weights
from benchmarks.columns.by_hand.part import Part, after


def gate_order(units: int) -> np.ndarray:
    """Columns of Keras (input, forget, candidate, output) in the order used here."""
    return np.arange(4 * units).reshape(4, units)[[2, 0, 1, 3]].ravel()


def lstm(before: Part, units: int, weights: Weights, training: bool) -> Part:
    """The last output of an LSTM; the first layer of its network."""
    (w, dw), (u, du), (b, db) = weights
    rows, times, width = before.y.shape
    dtype = before.y.dtype
    x = np.empty((times, rows, width), dtype)
    gates, dz = after((times, rows, 4 * units), dtype)
    cells, hidden = after((times + 1, rows, units), dtype)  # the first are the zeros before
    squashed, slope = after((times, rows, units), dtype)
    half, one = np.asarray(dtype.type(0.5)), np.ones((), dtype)
    candidate, i, f, o = (gates[..., k * units : (k + 1) * units] for k in range(4))
    sigmoids = gates[..., units:]
    y, dy = hidden[-1], np.zeros((rows, units), dtype)
    moved, part = np.empty((rows, 4 * units), dtype), np.empty((rows, units), dtype)

    flat_x, flat_gates, flat_dz = (a.reshape(times * rows, -1) for a in (x, gates, dz))
    ahead = [
        (
            *(a[t] for a in (hidden, gates, sigmoids, candidate, i, f, o, cells)),
            *(cells[t + 1], squashed[t], hidden[t + 1]),
        )
        for t in range(times)
    ]

    def forward() -> None:
        np.copyto(x, before.y.transpose(1, 0, 2))
        flat_x.dot(w, flat_gates)
        np.add(flat_gates, b, flat_gates)
        for h, z, s, k, it, ft, ot, c, new_c, tanh_c, new_h in ahead:
            h.dot(u, moved)
            np.add(z, moved, z)
            np.multiply(s, half, s)  # sigmoid(z) = (1 + tanh(z / 2)) / 2
            np.tanh(z, z)
            np.multiply(s, half, s)
            np.add(s, half, s)
            np.multiply(ft, c, new_c)
            np.multiply(it, k, part)
            np.add(new_c, part, new_c)
            np.tanh(new_c, tanh_c)
            np.multiply(ot, tanh_c, new_h)

    dc, dc_three = np.empty((rows, units), dtype), (rows, 3, units)
    by_cell = np.lib.stride_tricks.as_strided(
        dz, (times, *dc_three), (*dz.strides[:2], units * dz.itemsize, dz.itemsize)
    )
    back = [(by_cell[t], dz[t, :, 3 * units :], dz[t], slope[t], f[t]) for t in range(times)][::-1]
    d_candidate, d_i, d_f, d_o = (dz[..., k * units : (k + 1) * units] for k in range(4))
    ut, xt, ht = u.T, flat_x.T, hidden[:-1].reshape(times * rows, units).T
    ones = np.ones(times * rows, dtype)

    def slopes() -> None:
        """Into dz what the gradients by cell and output are multiplied with, for all steps."""
        d_sigmoids = dz[..., units:]
        np.subtract(one, sigmoids, d_sigmoids)
        np.multiply(d_sigmoids, sigmoids, d_sigmoids)
        np.multiply(d_i, candidate, d_i)
        np.multiply(d_f, cells[:-1], d_f)
        np.multiply(d_o, squashed, d_o)
        np.multiply(candidate, candidate, d_candidate)
        np.subtract(one, d_candidate, d_candidate)
        np.multiply(d_candidate, i, d_candidate)
        np.multiply(squashed, squashed, slope)
        np.subtract(one, slope, slope)
        np.multiply(slope, o, slope)

    def backward() -> None:
        slopes()
        dc.fill(0)
        dc_for_three = dc[:, None, :]
        for three, last, z, s, ft in back:
            np.multiply(dy, s, part)
            np.add(dc, part, dc)
            np.multiply(last, dy, last)
            np.multiply(three, dc_for_three, three)
            z.dot(ut, dy)
            np.multiply(dc, ft, dc)
        xt.dot(flat_dz, dw)
        ht.dot(flat_dz, du)
        ones.dot(flat_dz, db)

    return Part(y, dy, forward, backward)
