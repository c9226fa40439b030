"""Dtype names, and how mixed ones are promoted: floats beat ints, Python scalars never widen.

The rule is Keras' (and JAX's): int64 with float32 is float32, where NumPy alone would say float64.
"""

from functools import cache

import numpy as np

from deepbasics import config
from deepbasics.errors import unknown

FLOATS = ("float16", "bfloat16", "float32", "float64")
OTHERS = ("bool", "complex64", "complex128")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def name(dtype: object) -> str:
    """The canonical name of a dtype given as a name, a NumPy or torch dtype, or a Python type.

    >>> name(np.float32), name("int64"), name(bool)
    ('float32', 'int64', 'bool')
    """
    if isinstance(dtype, str):
        return dtype
    if dtype is float:
        return config.floatx()
    if dtype is int:
        return "int32"
    return _name(dtype)


@cache
def _name(dtype: object) -> str:
    text = str(dtype)
    if text.startswith("torch."):
        return text[6:]
    return np.dtype(dtype).name


def standardize_dtype(dtype: object) -> str:
    """The name of a dtype given in any way; None is floatx. ValueError for what is none.

    >>> standardize_dtype(None), standardize_dtype(np.int64), standardize_dtype(float)
    ('float32', 'int64', 'float32')
    """
    try:
        found = config.floatx() if dtype is None else name(dtype)
    except TypeError:
        found = repr(dtype)
    if found not in (*FLOATS, *INTS, *OTHERS):
        raise unknown("dtype", found, (*FLOATS, *INTS, *OTHERS))
    return found


def is_float(dtype: str) -> bool:
    """Whether the name is that of a float dtype."""
    return dtype in FLOATS


def is_int(dtype: str) -> bool:
    """Whether the name is that of an integer dtype (bool is not)."""
    return dtype in INTS


def result_type(*dtypes: str) -> str:
    """The dtype that values of mixed dtypes are computed in.

    >>> result_type("int64", "float32"), result_type("bool", "int32")
    ('float32', 'int32')
    """
    floats = [d for d in dtypes if d in FLOATS]
    if floats:
        if len(set(floats)) == 1:
            return floats[0]
        if "float64" in floats:
            return "float64"
        return "float32"  # float16 with bfloat16, or either with float32
    common = np.result_type(*dtypes)
    return config.floatx() if common.kind == "f" else common.name  # int64 and uint64 have no int


def finfo(dtype: str) -> np.finfo:
    """The limits of a float dtype."""
    return np.finfo("float32" if dtype == "bfloat16" else dtype)


def int_range(dtype: str) -> tuple[int, int]:
    """The smallest and largest value of an integer dtype."""
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def size(dtype: str) -> int:
    """The number of bytes of an element."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize
