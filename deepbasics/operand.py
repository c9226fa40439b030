"""What NumPy does with an object of ours beside an array: it asks the object."""

from typing import Any

import numpy as np

_REVERSED = {  # the method of the right-hand side that an operator of an array comes to
    np.add: "__radd__",
    np.subtract: "__rsub__",
    np.multiply: "__rmul__",
    np.divide: "__rtruediv__",
    np.power: "__rpow__",
    np.floor_divide: "__rfloordiv__",
    np.remainder: "__rmod__",
    np.matmul: "__rmatmul__",
    np.equal: "__eq__",
    np.not_equal: "__ne__",
    np.less: "__gt__",
    np.less_equal: "__ge__",
    np.greater: "__lt__",
    np.greater_equal: "__le__",
    np.bitwise_and: "__and__",
    np.bitwise_or: "__or__",
}


class Operand:
    """A base of tensors and Variables: `array + x` and `array += x` call `x.__radd__(array)`.

    With `+=` the name then stands for the sum; the array stays as it was.
    """

    __slots__ = ()

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        array, name = inputs[0], _REVERSED.get(ufunc)
        asked = method == "__call__" and len(inputs) == 2 and inputs[1] is self
        found = NotImplemented
        if asked and settings.keys() <= {"out"} and name is not None and hasattr(self, name):
            found = getattr(self, name)(array)
        if found is NotImplemented:
            raise TypeError(
                f"np.{ufunc.__name__} takes arrays, and this is a {type(self).__name__}: write "
                f"ops.{ufunc.__name__}, which takes both, or convert it with ops.convert_to_numpy."
            )
        return found
