"""Recurrences over a whole sequence, each one primitive: LSTM, GRU and the simple one.

Time comes first: x (time, batch, features), results (time, batch, units). `mask`, (time, batch) of
bools or None, says which steps count; at the others the states are carried over. Each gate has a
slot of its own in arrays (time, gates, batch, units), so that the arithmetic of a step runs over
contiguous memory, and kernels (features, gates * units) are cut likewise. The inputs of many steps
are projected by one product; the bias is the weight of a feature that is always 1. A sigmoid is
(1 + tanh(z / 2)) / 2: its weights are halved beforehand, and one tanh serves all gates.

Beside its public results each forward gives what its vjp needs of the way there; the vjp is a
primitive that cannot be differentiated again.
"""

import numpy as np

from deepbasics.backends.numpy.rules.shape import concatenate, reshape
from deepbasics.backends.numpy.trace import primitive

_CACHED = 2**19  # bytes of the largest array in use at once, for it to stay in the cache


def _cut(w, order):
    """(rows, gates * units) as (gates, rows, units), the gates in this order; a copy."""
    return np.take(w.reshape(len(w), len(order), -1).transpose(1, 0, 2), order, axis=0)


def _join(cut, order):
    """The inverse of `_cut`."""
    gates, rows, units = cut.shape
    w = np.empty((rows, gates, units), cut.dtype)
    w[:, list(order)] = cut.transpose(1, 0, 2)
    return w.reshape(rows, gates * units)


def _with_one(x):
    """(time, batch, features) with a feature of ones at the end."""
    wide = np.empty((*x.shape[:2], x.shape[2] + 1), x.dtype)
    wide[..., :-1] = x
    wide[..., -1] = 1
    return wide


def _spans(steps, size):
    """Spans (a, b) of the steps, each of which takes `size` bytes, that stay in the cache."""
    n = max(1, _CACHED // max(size, 1))
    return [(a, min(a + n, steps)) for a in range(0, steps, n)]


def _flat(x):
    """Its axes time and batch as one; a view."""
    return x.reshape(*x.shape[:-3], -1, x.shape[-1])


def _projected(x, kernel, bias, order, sigmoids):
    """x @ kernel + bias step by step, each (gates, batch, units); sigmoids' inputs are halved."""
    w = np.concatenate([_cut(kernel, order), _cut(bias[None], order)], axis=1)
    w[sigmoids] *= 0.5
    gates, _, units = w.shape
    steps, batch, _ = x.shape
    for a, b in _spans(steps, gates * batch * units * x.itemsize):
        z = np.matmul(_flat(_with_one(x[a:b])), w)
        yield from z.reshape(gates, b - a, batch, units).swapaxes(0, 1)


def _to_sigmoid(z):
    """tanh(z / 2) to sigmoid(z), in place."""
    np.multiply(z, 0.5, out=z)
    np.add(z, 0.5, out=z)


def _slope_of_sigmoid(s, out):
    np.subtract(1, s, out=out)
    np.multiply(out, s, out=out)


def _slope_of_tanh(s, out):
    np.multiply(s, s, out=out)
    np.subtract(1, out, out=out)


def _skipped(mask):
    return None if mask is None else np.logical_not(mask)[..., None]


def _before(first, states, a, b):
    """The states before steps a to b."""
    return np.concatenate([first[None], states[: b - 1]]) if a == 0 else states[a - 1 : b - 1]


class _Gradients:
    """The cotangents of x and of the weights, gathered from spans of the sequence."""

    def __init__(self, x, kernel, recurrent, order, recurrent_order):
        self.x, self.order, self.recurrent_order = x, order, recurrent_order
        self.back = np.ascontiguousarray(_cut(kernel, order).swapaxes(1, 2))
        gates, units, features = self.back.shape
        self.dx = np.empty(x.shape, x.dtype)
        self.dkernel = np.zeros((gates, features + 1, units), x.dtype)
        self.drecurrent = np.zeros((len(recurrent_order), units, units), x.dtype)

    def add(self, a, b, before, dz, dz_recurrent):
        """Steps a to b: the states before them, the cotangents of both products of each gate."""
        dz, rows = _flat(dz), self.dx[a:b].reshape(-1, self.x.shape[-1])
        self.dkernel += np.matmul(_flat(_with_one(self.x[a:b])).T, dz)
        self.drecurrent += np.matmul(_flat(before).T, _flat(dz_recurrent))
        np.matmul(dz[0], self.back[0], out=rows)
        for d, back in zip(dz[1:], self.back[1:], strict=True):
            rows += np.matmul(d, back)

    def joined(self):
        """(dx, dkernel, drecurrent, dbias)."""
        whole = _join(self.dkernel, self.order)
        return self.dx, whole[:-1], _join(self.drecurrent, self.recurrent_order), whole[-1]


def _unstack(x):
    return tuple(np.array(step) for step in x)


def _stack(g, y, x):
    return (concatenate(*[reshape(step, shape=(1, *step.shape)) for step in g], axis=0),)


# the entries of the first axis, as copies: all at once, so that their cotangents are joined once
unstack = primitive("unstack", _unstack, joint=_stack, analytic=False)


def _once_only(*_, **__):
    raise TypeError(
        "The fused recurrence can be differentiated once only. For gradients of gradients make the "
        "layer with unroll=True, which goes step by step."
    )


# LSTM: Keras' gates are i, f, c, o; slots o, i, f, c, so that the sigmoids come first, and last the
# three whose cotangents come from that of c -------------------------------------------------------

_LSTM = (3, 0, 1, 2)
_LSTM_SIGMOIDS = slice(0, 3)


def _lstm(x, h0, c0, kernel, recurrent, bias, mask, out=None):
    steps, (batch, units) = len(x), h0.shape
    if out is None:
        shapes = ((steps, batch, units), c0.shape, (steps, batch, units), (steps, 4, batch, units))
        out = tuple(np.empty(shape, x.dtype) for shape in shapes)
    hs, c_last, cs, gates = out
    recurrent = _cut(recurrent, _LSTM)
    recurrent[_LSTM_SIGMOIDS] *= 0.5
    skip, product = _skipped(mask), np.empty_like(h0)
    h, c = h0, c0
    for t, given in enumerate(_projected(x, kernel, bias, _LSTM, _LSTM_SIGMOIDS)):
        z, h_new, c_new = gates[t], hs[t], cs[t]
        np.matmul(h, recurrent, out=z)
        np.add(z, given, out=z)
        np.tanh(z, out=z)
        _to_sigmoid(z[_LSTM_SIGMOIDS])
        o, i, f, g = z
        np.multiply(f, c, out=c_new)
        np.multiply(i, g, out=product)
        np.add(c_new, product, out=c_new)
        np.tanh(c_new, out=h_new)
        np.multiply(h_new, o, out=h_new)
        if skip is not None:
            np.copyto(c_new, c, where=skip[t])
            np.copyto(h_new, h, where=skip[t])
        h, c = h_new, c_new
    np.copyto(c_last, c)
    return out


def _lstm_factors(gates, cs, c_before, skip):
    """What turns the cotangents of h and c into others, for a span of steps.

    dz: into those of the gates' inputs (slot o by dh, the others by dc); q: dh into a part of dc;
    forget: dc into that of the step before.
    """
    o, i, f, g = gates
    dz, q = np.empty(gates.shape, gates.dtype), np.empty_like(cs)
    squash = np.tanh(cs)
    _slope_of_tanh(squash, out=q)
    np.multiply(q, o, out=q)
    _slope_of_sigmoid(gates[_LSTM_SIGMOIDS], out=dz[_LSTM_SIGMOIDS])
    _slope_of_tanh(g, out=dz[3])
    for slot, factor in zip(dz, (squash, g, c_before, i), strict=True):
        np.multiply(slot, factor, out=slot)
    if skip is not None:
        np.copyto(q, 0, where=skip)
        np.copyto(dz, 0, where=skip)
        f = np.where(skip, 1, f)
    return dz, q, f


def _lstm_vjp(g, g_c, x, h0, c0, kernel, recurrent, bias, mask, hs, c_last, cs, gates):
    skip, product = _skipped(mask), np.empty_like(h0)
    back = np.ascontiguousarray(_cut(recurrent, _LSTM).swapaxes(1, 2))
    inner = np.empty((4, *h0.shape), x.dtype)
    dh, dc = np.zeros_like(h0), np.array(g_c)
    gradients = _Gradients(x, kernel, recurrent, _LSTM, _LSTM)
    for a, b in reversed(_spans(len(x), inner.nbytes)):
        masked = None if skip is None else skip[a:b]
        slots = gates[a:b].swapaxes(0, 1)
        dz, q, forget = _lstm_factors(slots, cs[a:b], _before(c0, cs, a, b), masked)
        for t in range(b - a - 1, -1, -1):
            d = dz[:, t]
            np.add(dh, g[a + t], out=dh)
            np.multiply(dh, q[t], out=product)
            np.add(dc, product, out=dc)
            np.multiply(d[0], dh, out=d[0])
            np.multiply(d[1:], dc, out=d[1:])
            np.multiply(dc, forget[t], out=dc)
            np.matmul(d, back, out=inner)
            kept = None if skip is None else dh * skip[a + t]
            np.add.reduce(inner, axis=0, out=dh)
            if kept is not None:
                np.add(dh, kept, out=dh)
        gradients.add(a, b, _before(h0, hs, a, b), dz, dz)
    dx, dkernel, drecurrent, dbias = gradients.joined()
    return dx, dh, dc, dkernel, drecurrent, dbias


lstm_vjp = primitive("lstm_vjp", _lstm_vjp, joint=_once_only, analytic=False)


def _lstm_joint(g, y, *args):
    return (*lstm_vjp(g[0], g[1], *args, *y), None)


# (x, h0, c0, kernel, recurrent kernel, bias, mask) to (all h, last c, and for the vjp all c, gates)
lstm = primitive("lstm", _lstm, joint=_lstm_joint, kind="out", analytic=False)


# GRU with the reset gate after the product. Keras' gates are z, r, h. Slots: h, z, r, and the
# recurrent part of h, so that three neighbours go with each product -------------------------------

_GRU_GIVEN, _GRU = (2, 0, 1), (0, 1, 2)


def _gru(x, h0, kernel, recurrent, bias, mask, out=None):
    steps, (batch, units) = len(x), h0.shape
    if out is None:
        out = (
            np.empty((steps, batch, units), x.dtype),
            np.empty((steps, 4, batch, units), x.dtype),
        )
    hs, gates = out
    recurrent = _cut(recurrent, _GRU)
    recurrent[:2] *= 0.5
    bias, inner_bias = np.array(bias[0]), bias[1]
    bias[: 2 * units] += inner_bias[: 2 * units]
    skip, h = _skipped(mask), h0
    for t, given in enumerate(_projected(x, kernel, bias, _GRU_GIVEN, slice(1, 3))):
        slots, h_new = gates[t], hs[t]
        candidate, z, r, inner = slots
        np.matmul(h, recurrent, out=slots[1:])
        np.add(inner, inner_bias[2 * units :], out=inner)
        np.add(slots[1:3], given[1:], out=slots[1:3])
        np.tanh(slots[1:3], out=slots[1:3])
        _to_sigmoid(slots[1:3])
        np.multiply(r, inner, out=candidate)
        np.add(candidate, given[0], out=candidate)
        np.tanh(candidate, out=candidate)
        np.subtract(h, candidate, out=h_new)
        np.multiply(h_new, z, out=h_new)
        np.add(h_new, candidate, out=h_new)
        if skip is not None:
            np.copyto(h_new, h, where=skip[t])
        h = h_new
    return out


def _gru_factors(gates, h_before, skip):
    """What turns the cotangent of h into those of the slots' inputs, and of the state before."""
    candidate, z, r, inner = gates
    d, keep = np.empty(gates.shape, gates.dtype), z
    dcandidate, _, dr, dinner = d
    _slope_of_sigmoid(gates[1:3], out=d[1:3])
    np.multiply(d[1], h_before - candidate, out=d[1])
    _slope_of_tanh(candidate, out=dcandidate)
    np.multiply(dcandidate, np.subtract(1, z, out=dinner), out=dcandidate)
    np.multiply(dr, np.multiply(dcandidate, inner, out=dinner), out=dr)
    np.multiply(dcandidate, r, out=dinner)
    if skip is not None:
        np.copyto(d, 0, where=skip)
        keep = np.where(skip, 1, z)
    return d, keep


def _gru_vjp(g, x, h0, kernel, recurrent, bias, mask, hs, gates):
    skip, kept = _skipped(mask), np.empty_like(h0)
    back = np.ascontiguousarray(_cut(recurrent, _GRU).swapaxes(1, 2))
    inner, dh = np.empty((3, *h0.shape), x.dtype), np.zeros_like(h0)
    dbias = np.zeros((3, h0.shape[1]), x.dtype)
    gradients = _Gradients(x, kernel, recurrent, _GRU_GIVEN, _GRU)
    for a, b in reversed(_spans(len(x), gates[0].nbytes)):
        masked = None if skip is None else skip[a:b]
        before = _before(h0, hs, a, b)
        d, keep = _gru_factors(gates[a:b].swapaxes(0, 1), before, masked)
        for t in range(b - a - 1, -1, -1):
            np.add(dh, g[a + t], out=dh)
            np.multiply(d[:, t], dh, out=d[:, t])
            np.multiply(dh, keep[t], out=kept)
            np.matmul(d[1:, t], back, out=inner)
            np.add.reduce(inner, axis=0, out=dh)
            np.add(dh, kept, out=dh)
        gradients.add(a, b, before, d[:3], d[1:])
        dbias += np.add.reduce(d[1:], axis=(1, 2))
    dx, dkernel, drecurrent, dgiven = gradients.joined()
    return dx, dh, dkernel, drecurrent, np.stack([dgiven, dbias.reshape(-1)])


gru_vjp = primitive("gru_vjp", _gru_vjp, joint=_once_only, analytic=False)


def _gru_joint(g, y, *args):
    return (*gru_vjp(g[0], *args, *y), None)


# (x, h0, kernel, recurrent kernel, bias (2, 3 units), mask) to (all h, and for the vjp the slots)
gru = primitive("gru", _gru, joint=_gru_joint, kind="out", analytic=False)


# the simple one -----------------------------------------------------------------------------------


def _simple_rnn(x, h0, kernel, recurrent, bias, mask, out=None):
    hs = np.empty((len(x), *h0.shape), x.dtype) if out is None else out
    skip, h = _skipped(mask), h0
    for t, given in enumerate(_projected(x, kernel, bias, (0,), slice(0))):
        h_new = hs[t]
        np.matmul(h, recurrent, out=h_new)
        np.add(h_new, given[0], out=h_new)
        np.tanh(h_new, out=h_new)
        if skip is not None:
            np.copyto(h_new, h, where=skip[t])
        h = h_new
    return hs


def _simple_rnn_vjp(g, x, h0, kernel, recurrent, bias, mask, hs):
    skip, dh = _skipped(mask), np.zeros_like(h0)
    back = np.ascontiguousarray(recurrent.T)
    gradients = _Gradients(x, kernel, recurrent, (0,), (0,))
    for a, b in reversed(_spans(len(x), dh.nbytes)):
        d = np.empty((1, b - a, *h0.shape), x.dtype)
        _slope_of_tanh(hs[a:b], out=d[0])
        if skip is not None:
            np.copyto(d[0], 0, where=skip[a:b])
        for t in range(b - a - 1, -1, -1):
            np.add(dh, g[a + t], out=dh)
            np.multiply(d[0, t], dh, out=d[0, t])
            kept = None if skip is None else dh * skip[a + t]
            np.matmul(d[0, t], back, out=dh)
            if kept is not None:
                np.add(dh, kept, out=dh)
        gradients.add(a, b, _before(h0, hs, a, b), d, d)
    dx, dkernel, drecurrent, dbias = gradients.joined()
    return dx, dh, dkernel, drecurrent, dbias


simple_rnn_vjp = primitive("simple_rnn_vjp", _simple_rnn_vjp, joint=_once_only, analytic=False)


def _simple_rnn_joint(g, y, *args):
    return (*simple_rnn_vjp(g, *args, y), None)


# (x, h0, kernel, recurrent kernel, bias, mask) to all h
simple_rnn = primitive(
    "simple_rnn", _simple_rnn, joint=_simple_rnn_joint, kind="out", analytic=False
)
