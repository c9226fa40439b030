"""Ops against NumPy over any shapes, axes and values: empty arrays and single numbers too."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepbasics import ops
from deepbasics.backends import registry

settings.register_profile(
    "ops",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ops")

BACKENDS = pytest.mark.parametrize("name", registry.available())
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
VALUES = st.integers(-6, 6).map(lambda n: n / 2)


def _arrays(shapes=SHAPES, values=VALUES, dtype="float64"):
    return hnp.arrays(dtype, shapes, elements=values)


HOLED = _arrays(values=st.one_of(VALUES, st.just(np.nan)))
INTS = _arrays(values=st.integers(-9, 9), dtype="int32")


def _agree(name, ours, theirs):
    """`ours()` on the backend gives `theirs()`, in shape and value, and fails where it fails."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            want = theirs()
        except (ValueError, IndexError, np.exceptions.AxisError):
            want = None
        with registry.use_backend(name):
            if want is None:
                with pytest.raises((ValueError, IndexError, RuntimeError)):
                    ours()
                return
            got = ops.convert_to_numpy(ours())
    assert got.shape == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def _an_axis(data, x, none=True):
    choices = st.integers(-x.ndim, x.ndim - 1) if x.ndim else st.just(None)
    return data.draw(st.one_of(st.none(), choices) if none else choices, label="axis")


REDUCTIONS = """
    sum prod max min mean var std any all ptp median argmax argmin nansum nanprod nanmean nanvar
    nanstd nanmax nanmin nanmedian
"""


@BACKENDS
@pytest.mark.parametrize("op", REDUCTIONS.split())
def test_reductions(name, op):
    @given(HOLED if op.startswith("nan") else _arrays(), st.data(), st.booleans())
    def agree(x, data, keepdims):
        axis = _an_axis(data, x)
        assume(x.size or op in ("sum", "prod", "any", "all", "nansum", "nanprod"))
        _agree(
            name,
            lambda: getattr(ops, op)(x, axis=axis, keepdims=keepdims),
            lambda: getattr(np, op)(x, axis=axis, keepdims=keepdims),
        )

    agree()


@BACKENDS
@pytest.mark.parametrize("op", ["cumsum", "cumprod", "nancumsum", "nancumprod"])
def test_running_reductions(name, op):
    @given(HOLED if op.startswith("nan") else _arrays(), st.data())
    def agree(x, data):
        axis = _an_axis(data, x)
        _agree(name, lambda: getattr(ops, op)(x, axis=axis), lambda: getattr(np, op)(x, axis=axis))

    agree()


@BACKENDS
@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("op", ["quantile", "nanquantile"])
def test_quantiles(name, op, method):
    @given(HOLED, st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.0]), min_size=1), st.data())
    def agree(x, q, data):
        assume(x.size)
        axis = _an_axis(data, x)
        _agree(
            name,
            lambda: getattr(ops, op)(x, q, axis=axis, method=method),
            lambda: getattr(np, op)(x, q, axis=axis, method=method),
        )

    agree()


@BACKENDS
@pytest.mark.parametrize("op", ["sort", "argsort"])
def test_sorting_is_stable_and_puts_nan_last(name, op):
    @given(HOLED, st.data())
    def agree(x, data):
        axis = _an_axis(data, x)
        assume(x.ndim or axis is None)
        _agree(
            name,
            lambda: getattr(ops, op)(x, axis=axis),
            lambda: getattr(np, op)(x, axis=axis, kind="stable") if x.ndim else _single(op, x),
        )

    agree()


def _single(op, x):
    return x if op == "sort" else np.zeros(1)


@BACKENDS
@given(_arrays(), st.data())
def test_the_top_k_are_the_last_of_the_sorted(name, x, data):
    assume(x.ndim and x.shape[-1])
    k = data.draw(st.integers(1, x.shape[-1]))
    _agree(name, lambda: ops.top_k(x, k)[0], lambda: np.sort(x)[..., ::-1][..., :k])


@BACKENDS
@given(_arrays(), st.data(), st.integers(-5, 5))
def test_roll(name, x, data, shift):
    axis = _an_axis(data, x)
    _agree(name, lambda: ops.roll(x, shift, axis), lambda: np.roll(x, shift, axis))


@BACKENDS
@given(INTS, st.data(), st.integers(0, 3))
def test_diff(name, x, data, n):
    assume(x.ndim)
    axis = _an_axis(data, x, none=False)
    _agree(name, lambda: ops.diff(x, n, axis), lambda: np.diff(x, n, axis))


@BACKENDS
@given(_arrays(hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=4)), st.data())
def test_planes(name, x, data):
    k = data.draw(st.integers(-5, 5), label="k")
    a, b = data.draw(st.permutations(range(x.ndim)), label="axes")[:2]
    _agree(name, lambda: ops.tril(x, k), lambda: np.tril(x, k))
    _agree(name, lambda: ops.triu(x, k), lambda: np.triu(x, k))
    _agree(name, lambda: ops.rot90(x, k, (a, b)), lambda: np.rot90(x, k, (a, b)))
    _agree(name, lambda: ops.diagonal(x, k, a, b), lambda: np.diagonal(x, k, a, b))
    _agree(name, lambda: ops.trace(x, k, a, b), lambda: np.trace(x, k, a, b))


@BACKENDS
@given(
    _arrays(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=4)), st.integers(-3, 3)
)
def test_diagonal_matrices(name, x, k):
    _agree(name, lambda: ops.diag(x, k), lambda: np.diag(x, k))
    _agree(name, lambda: ops.diagflat(x, k), lambda: np.diagflat(x, k))


@BACKENDS
@given(_arrays(), _arrays())
def test_products(name, x, y):
    _agree(name, lambda: ops.kron(x, y), lambda: np.kron(x, y))
    _agree(name, lambda: ops.outer(x, y), lambda: np.outer(x, y))
    if x.ndim and y.ndim and x.shape[-1] == y.shape[-1]:
        _agree(name, lambda: ops.inner(x, y), lambda: np.inner(x, y))


@BACKENDS
@given(_arrays(), st.integers(1, 5), st.data())
def test_array_split(name, x, parts, data):
    assume(x.ndim)
    axis = _an_axis(data, x, none=False)
    for i in range(parts):
        _agree(
            name,
            lambda i=i: ops.array_split(x, parts, axis)[i],
            lambda i=i: np.array_split(x, parts, axis)[i],
        )


ROWS = _arrays(st.integers(1, 7).map(lambda n: (n,)))


@BACKENDS
@pytest.mark.parametrize("mode", ["valid", "same", "full"])
def test_correlate(name, mode):
    @given(ROWS, ROWS)
    def agree(x, y):
        _agree(name, lambda: ops.correlate(x, y, mode), lambda: np.correlate(x, y, mode))

    agree()


@BACKENDS
@given(INTS, _arrays(hnp.array_shapes(min_dims=0, max_dims=1, min_side=0)))
def test_membership_and_search(name, x, row):
    _agree(name, lambda: ops.isin(x, row), lambda: np.isin(x, row))
    _agree(name, lambda: ops.isin(x, row, invert=True), lambda: np.isin(x, row, invert=True))
    bins = np.sort(row.reshape(-1))
    _agree(name, lambda: ops.digitize(x, bins), lambda: np.searchsorted(bins, x, side="right"))


@BACKENDS
@given(INTS)
def test_counts(name, x):
    flat = np.abs(x.reshape(-1))
    _agree(name, lambda: ops.bincount(flat, minlength=2), lambda: np.bincount(flat, minlength=2))
    parts = ops.unique(x, return_inverse=True, return_counts=True)
    found = np.unique(x, return_inverse=True, return_counts=True)
    for mine, other in zip(parts, found, strict=True):
        np.testing.assert_array_equal(mine, other)


@BACKENDS
@given(_arrays(st.integers(1, 9).map(lambda n: (n,))), st.integers(1, 5))
def test_every_element_is_counted_in_the_histogram(name, x, bins):
    with registry.use_backend(name):
        counts, edges = (ops.convert_to_numpy(t) for t in ops.histogram(x, bins))
    assert counts.sum() == x.size
    assert edges.shape == (bins + 1,)


LETTERS = "abcd"


@st.composite
def _formulas(draw):
    """An einsum of up to three operands with lengths for the letters."""
    terms = draw(st.lists(st.text(LETTERS, min_size=0, max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    output = draw(st.permutations(used))[: draw(st.integers(0, len(used)))] if used else []
    lengths = {c: draw(st.integers(0, 3)) for c in LETTERS}
    return ",".join(terms) + "->" + "".join(output), [[lengths[c] for c in t] for t in terms]


@BACKENDS
@settings(max_examples=120)
@given(_formulas(), st.integers(0, 99))
def test_einsum(name, formula, seed):
    rng = np.random.default_rng(seed)
    text, shapes = formula
    xs = [rng.integers(-3, 4, shape).astype("float64") for shape in shapes]
    _agree(name, lambda: ops.einsum(text, *xs), lambda: np.einsum(text, *xs))


@BACKENDS
@given(_arrays(), st.data())
def test_slice_update_is_an_assignment(name, x, data):
    starts = [data.draw(st.integers(0, n)) for n in x.shape]
    lengths = [data.draw(st.integers(0, n - a)) for n, a in zip(x.shape, starts, strict=True)]
    block = np.full(lengths, 99.0)

    def assigned():
        y = x.copy()
        y[tuple(slice(a, a + n) for a, n in zip(starts, lengths, strict=True))] = block
        return y

    _agree(name, lambda: ops.slice_update(x, starts, block), assigned)
    if x.ndim:
        _agree(name, lambda: ops.slice_update(x, ops.array(starts, "int32"), block), assigned)


@BACKENDS
@given(INTS, st.data())
def test_scatter_update_is_an_assignment_in_order(name, x, data):
    assume(x.size)
    n = data.draw(st.integers(1, 4))
    places = [data.draw(st.tuples(*[st.integers(0, k - 1) for k in x.shape])) for _ in range(n)]
    assume(x.ndim)

    def assigned():
        y = x.copy()
        for i, place in enumerate(places):
            y[place] = 100 + i
        return y

    updates = np.arange(100, 100 + n)
    _agree(name, lambda: ops.scatter_update(x, np.array(places), updates), assigned)
