"""How an op reaches the active backend: arguments to tensors, mixed dtypes to their common one."""

from typing import Any

import numpy as np

from deepbasics import config, dtypes
from deepbasics.backends import registry
from deepbasics.variables import Variable

Tensor = Any
SCALARS = (int, float, bool)  # these exact types are weak


def tensor(x: Any, dtype: str | None = None) -> Tensor:
    """A tensor of the active backend."""
    if isinstance(x, Variable):
        x = x.value
    elif dtype is not None and type(x) in SCALARS:
        x = np.asarray(x)  # a float64, so that floatx does not round what `dtype` can hold
    return registry.active().tensor(x, dtype)


def dtype_of(x: Any) -> str:
    """The dtype name of a tensor."""
    return x.dtype if isinstance(x, Variable) else dtypes.name(x.dtype)


def float_tensor(x: Any) -> Tensor:
    """A tensor of a float dtype: ints and bools become floatx."""
    x = tensor(x)
    return x if dtypes.is_float(dtype_of(x)) else tensor(x, config.floatx())


def call(name: str, *args: Any, **kwargs: Any) -> Tensor:
    """Call a primitive of the active backend; arguments are tensors or Python scalars already."""
    return registry.active().apply(name, args, kwargs)


def pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two arguments in their common dtype; a Python scalar widens nothing but int to float."""
    a_weak, b_weak = type(a) in SCALARS, type(b) in SCALARS
    if a_weak and b_weak:
        return tensor(np.asarray(a, _weak_dtype(a, b))), b
    if b_weak:
        return _beside(tensor(a), b), b
    if a_weak:
        return a, _beside(tensor(b), a)
    a, b = tensor(a), tensor(b)
    da, db = dtype_of(a), dtype_of(b)
    if da != db:
        common = dtypes.result_type(da, db)
        a, b = tensor(a, common), tensor(b, common)
    return a, b


def _beside(x: Tensor, scalar: Any) -> Tensor:
    """`x`, made float if it stands beside a Python float, int if it is bool beside an int."""
    d = dtype_of(x)
    if type(scalar) is float and not dtypes.is_float(d):
        return tensor(x, config.floatx())
    return tensor(x, "int32") if d == "bool" and type(scalar) is int else x


def _weak_dtype(*scalars: Any) -> str:
    kinds = {type(s) for s in scalars}
    return config.floatx() if float in kinds else "int32" if int in kinds else "bool"


def axes(axis: int | tuple[int, ...] | list[int] | None, ndim: int) -> tuple[int, ...]:
    """`axis` as a sorted tuple of non-negative axes (None: all); ValueError if out of range."""
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(one_axis(a, ndim) for a in given))


def one_axis(axis: int, ndim: int) -> int:
    """`axis` as a non-negative one. Raises ValueError if it is out of range."""
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis {axis} is out of range for a tensor with {ndim} axes.")
    return int(axis) % ndim if ndim else 0
