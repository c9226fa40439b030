"""Convolution and pooling ops beside PyTorch's, over drawn shapes and settings."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the oracle is PyTorch")
F = torch.nn.functional

from deepbasics import ops  # noqa: E402 - after the check that torch is there

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def examples(number):
    """So many examples; the backend is the same for all of them."""
    return settings(
        max_examples=number,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
    )


@st.composite
def convolutions(draw):
    """Everything about a convolution, and a seed for its arguments."""
    rank = draw(st.integers(1, 3))
    ints = lambda low, high: tuple(draw(st.integers(low, high)) for _ in range(rank))  # noqa: E731
    skips = draw(st.sampled_from(["strides", "dilation", "neither"]))
    return {
        "rank": rank,
        "batch": draw(st.integers(0, 3)),
        "spatial": ints(1, 9 if rank < 3 else 6),
        "window": ints(1, 4 if rank < 3 else 3),
        "strides": ints(1, 3) if skips == "strides" else (1,) * rank,
        "dilation": ints(1, 3) if skips == "dilation" else (1,) * rank,
        "groups": draw(st.integers(1, 3)),
        "channels": draw(st.integers(1, 3)),
        "filters": draw(st.integers(1, 3)),
        "padding": draw(st.sampled_from(["valid", "same"])),
        "data_format": draw(st.sampled_from(["channels_last", "channels_first"])),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


def _fits(c):
    reach = [(k - 1) * d + 1 for k, d in zip(c["window"], c["dilation"], strict=True)]
    return c["padding"] == "same" or all(n >= r for n, r in zip(c["spatial"], reach, strict=True))


def _same_padding(c):
    """What "same" pads, in the order of F.pad: by hand, from its definition."""
    widths = []
    for n, k, s, d in zip(c["spatial"], c["window"], c["strides"], c["dilation"], strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        widths = [total // 2, total - total // 2, *widths]
    return widths if c["padding"] == "same" else [0] * 2 * c["rank"]


def _channels_last(x, c):
    return x if c["data_format"] == "channels_last" else np.moveaxis(x, 1, -1)


def _kernel(k):
    """(*window, channels, filters) as torch has it."""
    return torch.tensor(np.moveaxis(k, (-1, -2), (0, 1)))


def _input(rng, c, channels):
    last = rng.normal(size=(c["batch"], *c["spatial"], channels))
    given = last if c["data_format"] == "channels_last" else np.moveaxis(last, -1, 1).copy()
    return given, torch.tensor(np.moveaxis(last, -1, 1))


@given(convolutions())
@examples(150)
def test_conv(backend, c):
    assume(_fits(c))
    rng = np.random.default_rng(c["seed"])
    groups = c["groups"]
    x, theirs = _input(rng, c, groups * c["channels"])
    k = rng.normal(size=(*c["window"], c["channels"], groups * c["filters"]))
    b = rng.normal(size=k.shape[-1])
    how = {"strides": c["strides"], "padding": c["padding"], "dilation_rate": c["dilation"]}
    found = ops.conv(x, k, **how, data_format=c["data_format"], bias=b)
    padded = F.pad(theirs, _same_padding(c))
    want = CONV[c["rank"]](
        padded, _kernel(k), torch.tensor(b), c["strides"], 0, c["dilation"], groups
    )
    got = _channels_last(backend.numpy(found), c)
    np.testing.assert_allclose(got, want.movedim(1, -1).numpy(), **CLOSE)


@given(convolutions())
@examples(80)
def test_gradients_of_conv(backend, c):
    assume(_fits(c) and c["batch"])
    rng = np.random.default_rng(c["seed"])
    groups = c["groups"]
    x, theirs = _input(rng, c, groups * c["channels"])
    k = rng.normal(size=(*c["window"], c["channels"], groups * c["filters"]))
    how = {"strides": c["strides"], "padding": c["padding"], "dilation_rate": c["dilation"]}

    def loss(x, k):
        y = ops.conv(x, k, **how, data_format=c["data_format"])
        return ops.sum(ops.square(y))

    found = [backend.numpy(g) for g in ops.grad(loss, (0, 1))(x, k)]
    leaves = theirs.requires_grad_(True), _kernel(k).contiguous().requires_grad_(True)
    y = CONV[c["rank"]](
        F.pad(leaves[0], _same_padding(c)), leaves[1], None, c["strides"], 0, c["dilation"], groups
    )
    by_input, by_kernel = (g.numpy() for g in torch.autograd.grad((y**2).sum(), leaves))
    np.testing.assert_allclose(_channels_last(found[0], c), np.moveaxis(by_input, 1, -1), **CLOSE)
    np.testing.assert_allclose(found[1], np.moveaxis(by_kernel, (0, 1), (-1, -2)), **CLOSE)


@given(convolutions())
@examples(60)
def test_conv_transpose(backend, c):
    assume(c["batch"])
    rng = np.random.default_rng(c["seed"])
    x, theirs = _input(rng, c, c["channels"])
    k = rng.normal(size=(*c["window"], c["filters"], c["channels"]))
    more = tuple(min(s - 1, 1) for s in c["strides"])
    found = ops.conv_transpose(
        x, k, c["strides"], "valid", more, c["data_format"], dilation_rate=c["dilation"]
    )
    if any(m >= max(s, d) for m, s, d in zip(more, c["strides"], c["dilation"], strict=True)):
        return
    want = CONV_TRANSPOSE[c["rank"]](
        theirs, _kernel(k), None, c["strides"], 0, more, 1, c["dilation"]
    )
    got = _channels_last(backend.numpy(found), c)
    np.testing.assert_allclose(got, want.movedim(1, -1).numpy(), **CLOSE)


@given(convolutions())
@examples(60)
def test_depthwise_conv(backend, c):
    assume(_fits(c) and c["batch"])
    rng = np.random.default_rng(c["seed"])
    x, theirs = _input(rng, c, c["channels"])
    k = rng.normal(size=(*c["window"], c["channels"], c["filters"]))
    how = {"strides": c["strides"], "padding": c["padding"], "dilation_rate": c["dilation"]}
    found = ops.depthwise_conv(x, k, **how, data_format=c["data_format"])
    flat = _kernel(k.reshape(*c["window"], 1, -1))
    want = CONV[c["rank"]](
        F.pad(theirs, _same_padding(c)), flat, None, c["strides"], 0, c["dilation"], c["channels"]
    )
    got = _channels_last(backend.numpy(found), c)
    np.testing.assert_allclose(got, want.movedim(1, -1).numpy(), **CLOSE)


@given(convolutions(), st.booleans())
@examples(100)
def test_pools_and_their_gradients(backend, c, tied):
    c = {**c, "dilation": (1,) * c["rank"]}
    assume(_fits(c) and c["batch"])
    rng = np.random.default_rng(c["seed"])
    x, theirs = _input(rng, c, c["channels"])
    if tied:  # many equal values: the gradient goes to the first
        x, theirs = np.rint(x), theirs.round()
    how = (c["window"], c["strides"], c["padding"], c["data_format"])
    leaf, widths = theirs.requires_grad_(True), _same_padding(c)
    ones = F.pad(torch.ones_like(theirs), widths)
    pool = AVERAGE_POOL[c["rank"]]
    for op, want in {
        ops.max_pool: MAX_POOL[c["rank"]](
            F.pad(leaf, widths, value=-torch.inf), c["window"], c["strides"]
        ),
        ops.average_pool: pool(F.pad(leaf, widths), c["window"], c["strides"])
        / pool(ones, c["window"], c["strides"]),
    }.items():
        got = _channels_last(backend.numpy(op(x, *how)), c)
        np.testing.assert_allclose(got, want.movedim(1, -1).detach().numpy(), **CLOSE)
        (expected,) = torch.autograd.grad((want * want).sum(), leaf)
        found = ops.grad(lambda x, op=op: ops.sum(ops.square(op(x, *how))))(x)
        found = _channels_last(backend.numpy(found), c)
        np.testing.assert_allclose(found, expected.movedim(1, -1).numpy(), **CLOSE)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 7), (6, 4)])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_adaptive_pools(backend, size, kind):
    x = np.random.default_rng(0).normal(size=(2, 7, 9, 3))
    found = getattr(ops, f"adaptive_{kind}_pool")(x, size)
    pool = F.adaptive_max_pool2d if kind == "max" else F.adaptive_avg_pool2d
    want = pool(torch.tensor(np.moveaxis(x, -1, 1)), size).movedim(1, -1).numpy()
    np.testing.assert_allclose(backend.numpy(found), want, **CLOSE)


def test_float32_stays_float32_and_is_as_good_as_its_kernels(backend):
    rng = np.random.default_rng(1)
    x, k = (rng.normal(size=s).astype("float32") for s in ((8, 20, 20, 16), (3, 3, 16, 24)))
    found = backend.numpy(ops.conv(x, k))
    exact = CONV[2](torch.tensor(x).double().movedim(-1, 1), _kernel(k).double()).movedim(1, -1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact.numpy(), atol=2e-5)
