"""Public ops against keras.ops: values, shapes and dtypes, on each backend."""

import numpy as np
import pytest

from deepbasics import ops, tree

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
pytestmark = pytest.mark.usefixtures("backend")

RNG = np.random.default_rng(5)


def _floats(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape).astype("float32")


def _ints(*shape, low=-4, high=5, dtype="int32"):
    return RNG.integers(low, high, shape).astype(dtype)


A, B, ROW, LONG = _floats(3, 4), _floats(3, 4), _floats(4), _floats(7)
X, P = _floats(2, 3, 4), _floats(3, 4, low=0.1, high=0.9)
N, M = _ints(3, 4), _ints(3, 4, low=1)
FLAGS = RNG.random((3, 4)) < 0.5
SQUARE = _floats(2, 3, 3) + 5 * np.eye(3, dtype="float32")
DEFINITE = (SQUARE @ SQUARE.swapaxes(1, 2)).astype("float32")
HOLES = np.where(_floats(3, 4) > 0.8, np.nan, A).astype("float32")
IMAGE = _floats(2, 4, 6, 8)
SIGNAL = _floats(2, 20)
PAIR = (_floats(2, 5), _floats(2, 5))
IDS = np.array([2, 0, 2, 1, 0])

NAN_OPS = "argmax argmin cumprod cumsum max mean median min prod std sum var"
UNARY = {
    "any": "abs absolute angle arctan arcsinh cbrt ceil celu conj cos cosh deg2rad elu erf erfc "
    "exp exp2 expm1 fabs floor gelu hard_shrink hard_sigmoid hard_silu hard_tanh i0 isfinite "
    "isinf isnan isneginf isposinf isreal leaky_relu log_sigmoid log_softmax logical_not "
    "nan_to_num negative rad2deg real relu relu6 round selu sigmoid sign signbit silu sin sinc "
    "sinh soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid square "
    "squareplus tan tanh tanh_shrink trunc",
    "chances": "arccos arcsin arctanh erfinv log log10 log1p log2 reciprocal rsqrt sqrt",
    "reductions": "all any amax amin argmax argmin count_nonzero logsumexp max mean median min "
    "prod ptp std sum var cumsum cumprod norm",
    "order": "argsort sort flip fliplr flipud ravel transpose squeeze tril triu rot90 trace diag "
    "diagonal diagflat copy ones_like zeros_like size ndim shape average corrcoef",
}
BINARY = {
    "any": "add subtract multiply divide true_divide maximum minimum fmax fmin hypot logaddexp "
    "logaddexp2 arctan2 equal not_equal greater greater_equal less less_equal heaviside "
    "divide_no_nan outer inner kron cdist nextafter isclose",
    "positive": "power mod fmod floor_divide",
    "ints": "bitwise_and bitwise_or bitwise_xor gcd lcm floor_divide mod left_shift right_shift "
    "add divide power maximum",
    "bools": "logical_and logical_or logical_xor bitwise_and add multiply",
}
# Left out, as Keras on torch differs from its documentation or its other backends: nonzero (one
# tensor), imag (refused), linspace along an axis (refused), pad by one number with reflection (the
# last axes alone), top_k's indices (int64), count_nonzero over the middle axis (transposed),
# space_to_depth with channels first (another order of channels than TensorFlow and than with
# channels last), sparsemax of several rows (they do not sum to 1). Ours are tested against NumPy.
ROWS = [
    *((name, (A,), {}) for name in UNARY["any"].split()),
    *((name, (P,), {}) for name in UNARY["chances"].split()),
    *((name, (A,), {}) for name in (UNARY["reductions"] + " " + UNARY["order"]).split()),
    *((name, (X,), {"axis": 1}) for name in UNARY["reductions"].split()
      if name != "count_nonzero"),
    *((name, (A, B), {}) for name in BINARY["any"].split()),
    *((name, (P, P.T.copy().reshape(3, 4)), {}) for name in BINARY["positive"].split()),
    *((name, (np.abs(N), M), {}) for name in BINARY["ints"].split()),
    *((name, (FLAGS, A > 0), {}) for name in BINARY["bools"].split()),
    *((f"nan{name}", (HOLES,), {}) for name in
      NAN_OPS.split()),
    ("nanmax", (HOLES,), {"axis": 1, "keepdims": True}),
    ("nanquantile", (HOLES, 0.3), {"axis": 0}),
    ("nanpercentile", (HOLES, 30.0), {}),
    ("quantile", (X, np.array([0.2, 0.7], "float32")), {"axis": (0, 2)}),
    ("percentile", (X, 35.0), {"axis": 1, "keepdims": True}),
    *(("quantile", (A, 0.4), {"axis": 1, "method": m})
      for m in ("lower", "higher", "nearest", "midpoint")),
    ("allclose", (A, A), {}), ("clip", (A, -0.5, 1.0), {}), ("where", (FLAGS, A, B), {}),
    ("isin", (N, np.array([1, 3])), {}),
    ("select", ([FLAGS, A > 0], [A, B], 3.0), {}), ("ldexp", (A, N), {}),
    ("searchsorted", (np.sort(LONG), A), {}), ("digitize", (A, np.sort(LONG)), {}),
    ("searchsorted", (np.sort(LONG), LONG), {"side": "right"}),
    ("bincount", (IDS,), {}), ("bincount", (IDS,), {"weights": LONG[:5], "minlength": 5}),
    ("histogram", (LONG,), {"bins": 4, "range": (-2.0, 2.0)}), ("histogram", (LONG,), {}),
    ("unique", (N,), {}), ("unravel_index", (IDS, (2, 3)), {}),
    ("in_top_k", (IDS[:3], A, 2), {}),
    ("correlate", (LONG, ROW), {}), ("correlate", (LONG, ROW), {"mode": "same"}),
    ("correlate", (LONG, ROW), {"mode": "full"}),
    ("diff", (A,), {"n": 2}), ("trapezoid", (A,), {"dx": 0.5}), ("trapezoid", (A, ROW), {}),
    ("arange", (5,), {}), ("arange", (1.0, 2.0, 0.3), {}), ("linspace", (0.0, 1.0, 4), {}),
    ("linspace", (ROW, ROW + 1, 3), {}), ("logspace", (0.0, 1.0, 4), {}),
    ("geomspace", (1.0, 8.0, 4), {}), ("meshgrid", (ROW, LONG), {}),
    ("meshgrid", (ROW, LONG), {"indexing": "ij"}), ("tri", (3, 4, 1), {}), ("eye", (3,), {"k": 1}),
    ("identity", (3,), {}), ("full", ((2, 3), 1.5), {}), ("full_like", (A, 2), {}),
    ("vander", (ROW,), {"N": 3}), *((name, (6,), {}) for name in
                                    ("bartlett", "blackman", "hamming", "hanning")),
    ("kaiser", (6, 3.0), {}), ("roll", (X, 2), {}), ("roll", (X, 3), {"axis": 2}),
    ("rot90", (X,), {"k": 3, "axes": (1, 2)}), ("tile", (A, (2, 1)), {}),
    ("repeat", (A, 2), {"axis": 1}), ("moveaxis", (X, 0, 2), {}), ("swapaxes", (X, 0, 1), {}),
    ("expand_dims", (A, 1), {}), ("reshape", (A, (2, 6)), {}), ("split", (A, 2), {"axis": 1}),
    ("array_split", (LONG, 3), {}), ("hsplit", (A, 2), {}), ("vsplit", (X, 2), {}),
    ("dsplit", (X, 2), {}), ("hstack", ([A, B],), {}), ("vstack", ([ROW, A],), {}),
    ("dstack", ([A, B],), {}), ("stack", ([A, B],), {"axis": 1}),
    ("concatenate", ([A, B],), {"axis": 1}), ("append", (A, B), {}),
    ("pad", (A, ((1, 2), (0, 1))), {}), ("broadcast_to", (ROW, (3, 4)), {}),
    ("take", (A, IDS[:4]), {"axis": 1}), ("take_along_axis", (A, np.abs(N) % 4), {"axis": 1}),
    ("diagonal", (X,), {"offset": 1, "axis1": 1, "axis2": 2}), ("trace", (N,), {}),
    ("cross", (_floats(5, 3), _floats(5, 3)), {}), ("dot", (A, B.T), {}),
    ("vdot", (LONG, LONG), {}),
    ("matmul", (X, A.T), {}), ("tensordot", (X, A), {"axes": ((1, 2), (0, 1))}),
    ("einsum", ("ij,kj->ik", A, B), {}), ("einsum", ("abc,bc->a", X, A), {}),
    ("rearrange", (X, "a b (c d) -> d (a b) c"), {"c": 2}), ("view", (A, "int32"), {}),
    ("cast", (A, "int32"), {}), ("saturate_cast", (300 * A, "uint8"), {}),
    ("slice", (A, (1, 0), (2, 3)), {}), ("slice_update", (A, (1, 2), A[:2, :2]), {}),
    ("scatter", (IDS[:, None], LONG[:5], (4,)), {}),
    ("scatter_update", (A, np.array([[0, 1], [2, 3]]), np.ones(2, "float32")), {}),
    *(("scatter_update", (A, np.array([[0, 1], [2, 3]]), np.ones(2, "float32")),
       {"reduction": r}) for r in ("add", "max", "min", "mul")),
    *((f"segment_{name}", (_floats(5, 2), IDS), {"num_segments": 4})
      for name in ("sum", "max", "min", "prod")),
    ("unstack", (A,), {"axis": 1}), ("moments", (X, (0, 2)), {}),
    *((name, (SQUARE,), {}) for name in ("det", "inv", "logdet", "slogdet", "pinv", "matrix_rank",
                                         "lu_factor", "cholesky_inverse")),
    ("cholesky", (DEFINITE,), {}), ("cholesky", (DEFINITE,), {"upper": True}),
    ("qr", (A.T.copy(),), {}), ("svd", (A,), {"compute_uv": False}),
    ("lstsq", (A.T.copy(), ROW), {}),
    ("solve", (SQUARE, _floats(2, 3, 2)), {}), ("solve_triangular", (SQUARE, _floats(2, 3, 2)), {}),
    ("solve_triangular", (SQUARE, _floats(2, 3, 2)), {"lower": True}),
    *(("norm", (A,), {"ord": o}) for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    *(("norm", (A,), {"ord": o, "axis": 1}) for o in (0, 1, 2, 3, np.inf, -np.inf)),
    *((name, (PAIR,), {}) for name in ("fft", "fft2", "ifft2", "irfft")),
    ("rfft", (SIGNAL,), {}), ("rfft", (SIGNAL, 32), {}), ("irfft", (PAIR, 7), {}),
    *(("stft", (SIGNAL, 6, 3, 8), {"window": w, "center": c})
      for w, c in (("hann", True), ("hamming", False), (None, True))),
    ("istft", ((_floats(2, 7, 5), _floats(2, 7, 5)), 6, 3, 8), {}),
    ("istft", ((_floats(2, 7, 5), _floats(2, 7, 5)), 6, 3, 8), {"length": 17}),
    ("extract_sequences", (SIGNAL, 5, 3), {}), ("one_hot", (IDS, 3), {}),
    ("multi_hot", (np.array([[0, 1], [2, 2]]), 4), {}), ("psnr", (A, B, 2.0), {}),
    ("normalize", (A,), {}), ("normalize", (A,), {"order": 1, "axis": 0}),
    ("threshold", (A, 0.5, -1.0), {}), ("glu", (A,), {}),
    ("binary_crossentropy", (FLAGS.astype("float32"), P), {}),
    ("binary_crossentropy", (FLAGS.astype("float32"), A), {"from_logits": True}),
    ("categorical_crossentropy", (P, P), {}),
    ("categorical_crossentropy", (P, A), {"from_logits": True}),
    ("sparse_categorical_crossentropy", (IDS[:3], P), {}),
    ("sparse_categorical_crossentropy", (IDS[:3], A), {"from_logits": True}),
    ("ctc_decode", (_floats(2, 6, 4), np.array([6, 4])), {}),
    ("depth_to_space", (IMAGE, 2), {}), ("space_to_depth", (IMAGE, 2), {}),
    ("depth_to_space", (IMAGE, 2), {"data_format": "channels_first"}),
    ("unfold", (IMAGE, 2), {"stride": 2, "padding": 1}),
    ("fold", (_floats(2, 8, 9), (4, 4), 2), {}),
]  # fmt: skip


def _name(row):
    name, _, kwargs = row
    return "-".join([name, *(f"{k}={v}" for k, v in kwargs.items() if not hasattr(v, "shape"))])


def _keras_tensor(x):
    return keras.ops.convert_to_tensor(x) if isinstance(x, np.ndarray) else x


@pytest.mark.parametrize("row", ROWS, ids=_name)
@pytest.mark.filterwarnings("ignore")
def test_an_op_gives_what_keras_gives(row):
    name, args, kwargs = row
    given = tree.map(_keras_tensor, args)
    theirs = tree.flatten(getattr(keras.ops, name)(*given, **kwargs))
    ours = tree.flatten(getattr(ops, name)(*args, **kwargs))
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(other)
        assert mine.shape == other.shape
        size = np.abs(other[np.isfinite(other)]).max(initial=1.0) if other.dtype.kind == "f" else 1
        np.testing.assert_allclose(mine, other, rtol=2e-5, atol=2e-6 * size)
        assert mine.dtype == other.dtype or name == "histogram"  # counts are float32 there


# dtypes -------------------------------------------------------------------------------------------

# Keras caps the dtype of a mixed result at 32 bits; ours keeps 64 (float64 with float32 is
# float64). So these are of up to 32 bits, and such as torch can compute with.
DTYPES = ("bool", "int8", "int16", "int32", "uint8", "float16", "float32")
MIXED = ["add", "subtract", "multiply", "divide", "maximum", "arctan2", "equal", "where"]
ALONE = """
    exp sqrt sin abs square negative sign floor ceil round sum prod mean max var std cumsum argmax
    logsumexp median any count_nonzero relu softmax sort argsort isnan tril trace
"""


def _ones(dtype, *shape):
    return np.ones(shape or (2, 2), dtype)


def _both(name, *args):
    """The dtypes of ours and of Keras' result, or that Keras refuses."""
    if name == "where":
        args = (np.array(True), *args)
    try:
        other = getattr(keras.ops, name)(*tree.map(_keras_tensor, args))
    except (RuntimeError, TypeError, NotImplementedError):
        pytest.skip(f"Keras on torch has no {name} of these dtypes")
    mine = getattr(ops, name)(*args)
    return ops.convert_to_numpy(mine).dtype, keras.ops.convert_to_numpy(other).dtype


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("first", DTYPES)
@pytest.mark.parametrize("second", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_mixed_dtypes_meet_where_keras_has_them_meet(name, first, second):
    if name == "subtract" and first == second == "bool":
        pytest.skip("bools cannot be subtracted")
    mine, theirs = _both(name, _ones(first), _ones(second))
    assert mine == theirs


@pytest.mark.parametrize("scalar", [2, 0.5, True], ids=repr)
@pytest.mark.parametrize("name", ["add", "multiply", "divide", "maximum", "greater"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_a_python_scalar_widens_what_it_widens_in_keras(name, dtype, scalar):
    mine, theirs = _both(name, _ones(dtype), scalar)
    assert mine == theirs
    mine, theirs = _both(name, scalar, _ones(dtype))
    assert mine == theirs


@pytest.mark.parametrize("name", ALONE.split())
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_an_op_of_one_tensor_gives_keras_dtype(name, dtype):
    mine, theirs = _both(name, _ones(dtype))
    assert mine == theirs
