"""What a layer says its inputs must look like."""

from collections.abc import Mapping, Sequence
from typing import Any

from deepbasics import dtypes, tree


class InputSpec:
    """The rank, lengths and dtype that an input must have; a layer's `input_spec` is checked.

    Args:
        dtype: its name; None for any.
        shape: with None for any length; says the rank too.
        ndim, min_ndim, max_ndim: the rank, or its limits.
        axes: lengths by axis, such as `{-1: 3}`.
        allow_last_axis_squeeze: whether a last axis of length 1 may be missing or be too many.
        name: of the input, for messages.

    >>> InputSpec(min_ndim=2, axes={-1: 3}).fault((None, 4))
    '3 as the length of axis -1'
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else dtypes.name(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): length for axis, length in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name, self.optional = name, optional

    def fault(self, shape: Sequence[int | None], dtype: str | None = None) -> str | None:
        """What is needed and not there; None if all is well."""
        shape = tuple(shape)
        if self.allow_last_axis_squeeze and self.shape is not None:
            shape = _squeezed(shape, self.shape)
        rank = len(shape)
        if self.dtype is not None and dtype is not None and dtype != self.dtype:
            return f"dtype {self.dtype}"
        if self.ndim is not None and rank != self.ndim:
            return f"{self.ndim} axes" + (f", {self.shape}" if self.shape else "")
        if rank > (self.max_ndim or rank):
            return f"at most {self.max_ndim} axes"
        if rank < (self.min_ndim or rank):
            return f"at least {self.min_ndim} axes"
        wanted = {**dict(enumerate(self.shape or ())), **self.axes}
        for axis, length in wanted.items():
            given = shape[axis] if -rank <= axis < rank else -1
            if length is not None and given not in (length, None):
                return f"{length} as the length of axis {axis}"
        return None

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "InputSpec":
        """The inverse of `get_config`."""
        return cls(**config)


def _squeezed(shape: tuple[Any, ...], wanted: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(shape) == len(wanted) + 1 and shape[-1] == 1:
        return shape[:-1]
    return (*shape, 1) if len(shape) == len(wanted) - 1 and wanted[-1] == 1 else shape


def check(layer: Any, inputs: Any) -> None:
    """Raises ValueError where the inputs of a layer are not what its `input_spec` says."""
    specs, tensors = tree.flatten(layer.input_spec), tree.flatten(inputs)
    if len(specs) != len(tensors):
        raise ValueError(
            f"Layer {layer.name!r} ({type(layer).__name__}) takes {len(specs)} inputs; got "
            f"{len(tensors)}."
        )
    for spec, tensor in zip(specs, tensors, strict=True):
        if spec is None or tensor is None:
            continue
        fault = spec.fault(tensor.shape, dtypes.name(tensor.dtype))
        if fault is not None:
            which = f" for its input {spec.name!r}" if spec.name else ""
            raise ValueError(
                f"Layer {layer.name!r} ({type(layer).__name__}) needs {fault}{which}; got shape "
                f"{tuple(tensor.shape)}, dtype {dtypes.name(tensor.dtype)}."
            )
