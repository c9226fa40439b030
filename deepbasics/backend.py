"""Keras' `backend` module: settings, and the functions that scripts call as `K.`.

Besides what is defined here it holds all of `config` and `ops`; new code uses those.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import absent, config, dtypes, losses, naming, ops, random, symbolic
from deepbasics.variables import Variable

_RENAMED = {
    "gather": "take",
    "permute_dimensions": "transpose",
    "pow": "power",
    "reverse": "flip",
    "switch": "where",
}
_GRAPHS = ("placeholder", "function", "gradients", "learning_phase", "set_learning_phase")
_FORMATS = {"channels_last": "tf", "channels_first": "th"}

clear_session, get_uid = naming.clear_session, naming.get_uid
is_keras_tensor, standardize_dtype = symbolic.is_keras_tensor, dtypes.standardize_dtype


def variable(value: Any, dtype: str | None = None, name: str | None = None) -> Variable:
    """A `Variable` in floatx, unless `dtype` says otherwise."""
    return Variable(np.asarray(value), dtype=dtype or config.floatx(), name=name)


def constant(value: Any, dtype: str | None = None, shape: Any = None, name: Any = None) -> Any:
    """A tensor in floatx, unless `dtype` says otherwise; `shape` repeats a scalar."""
    tensor = ops.convert_to_tensor(value, dtype or config.floatx())
    return tensor if shape is None else ops.broadcast_to(tensor, shape)


def get_value(x: Any) -> np.ndarray:
    """The value of a Variable or tensor, as a NumPy array."""
    return ops.convert_to_numpy(x)


def set_value(x: Variable, value: Any) -> None:
    """Set a Variable, such as `model.optimizer.lr`."""
    x.assign(value)


def int_shape(x: Any) -> tuple[int, ...]:
    """The shape as a tuple of ints."""
    return tuple(x.shape)


shape = int_shape


def zeros(shape: Sequence[int], dtype: str | None = None, name: str | None = None) -> Variable:
    """A Variable of zeros."""
    return variable(np.zeros(shape), dtype, name)


def ones(shape: Sequence[int], dtype: str | None = None, name: str | None = None) -> Variable:
    """A Variable of ones."""
    return variable(np.ones(shape), dtype, name)


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype, given in any way, is a float one."""
    return dtypes.is_float(dtypes.standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype, given in any way, is an integer one; bool is none."""
    return dtypes.is_int(dtypes.standardize_dtype(dtype))


def result_type(*dtypes_: Any) -> str:
    """The dtype that values of mixed dtypes are computed in.

    `int` and `float` stand for Python numbers, which make ints of bools and floats of ints, and
    never widen; None is floatx.

    >>> result_type("int64", float), result_type("float16", int), result_type(int)
    ('float32', 'float16', 'int32')
    """
    strong = [dtypes.standardize_dtype(d) for d in dtypes_ if d not in (int, float)]
    common = dtypes.result_type(*strong) if strong else "bool"
    if dtypes.is_float(common) or common.startswith("complex"):
        return common
    if float in dtypes_ or not dtypes_:
        return config.floatx()
    return "int32" if int in dtypes_ and common == "bool" else common


def cast_to_floatx(x: Any) -> np.ndarray:
    """An array in floatx."""
    return np.asarray(x, dtype=config.floatx())


def argmax(x: Any, axis: int = -1) -> Any:
    """The position of the first maximum along an axis."""
    return ops.argmax(x, axis)


def argmin(x: Any, axis: int = -1) -> Any:
    """The position of the first minimum along an axis."""
    return ops.argmin(x, axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Joined along the last axis, unless `axis` says otherwise."""
    return ops.concatenate(tensors, axis=axis)


def flatten(x: Any) -> Any:
    """One axis."""
    return ops.reshape(x, (-1,))


def batch_flatten(x: Any) -> Any:
    """Two axes, the first as it was."""
    return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


def random_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: str | None = None,
    seed: int | None = None,
) -> Any:
    """Normal draws."""
    return random.normal(shape, mean, stddev, dtype, seed)


def random_uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: str | None = None,
    seed: int | None = None,
) -> Any:
    """Uniform draws."""
    return random.uniform(shape, minval, maxval, dtype, seed)


def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """Entry by entry, not averaged."""
    alone = (ops.expand_dims(t, -1) for t in (target, output))
    return losses.binary_crossentropy(*alone, from_logits)


def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """One value per row."""
    return losses.categorical_crossentropy(target, output, from_logits)


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """One value per row."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits)


def image_dim_ordering() -> str:
    """`image_data_format` as Keras 1 spelt it: "tf" or "th"."""
    return _FORMATS[config.image_data_format()]


def set_image_dim_ordering(value: str) -> None:
    """Set `image_data_format` as Keras 1 spelt it: "tf" or "th"."""
    config.set_image_data_format({v: k for k, v in _FORMATS.items()}.get(value, value))


def __getattr__(name: str) -> Any:
    if name in _GRAPHS:
        raise AttributeError(
            f"backend.{name} builds graphs, which do not exist here: call ops on arrays, and "
            "deepbasics.grad for gradients."
        )
    modern = _RENAMED.get(name, name)
    for module in (config, ops):
        if modern in vars(module) and not name.startswith("_"):
            return getattr(module, modern)
    known = [*vars(config), *ops.__all__, *_RENAMED]
    raise absent.error(__name__, name, known)
