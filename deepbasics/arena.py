"""One contiguous Variable for many, so that a few array calls update a whole model."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.variables import Variable


class Arena:
    """Re-homes `variables` as views of flat ones: one for each dtype and value of `key`.

    Args:
        variables: the Variables; each keeps its shape, value and name, and changes place.
        key: variables that differ in `key(variable)` never share a flat Variable.

    >>> kernel, bias = Variable([[1.0, 2.0]]), Variable([3.0])
    >>> arena = Arena([kernel, bias])
    >>> arena.flats[0].numpy()
    array([1., 2., 3.], dtype=float32)
    >>> arena.flats[0].assign([4.0, 5.0, 6.0])
    >>> kernel.numpy()
    array([[4., 5.]], dtype=float32)
    """

    def __init__(
        self, variables: Iterable[Variable], key: Callable[[Variable], Hashable] | None = None
    ) -> None:
        self.variables = list(variables)
        groups: dict[Hashable, list[int]] = {}
        for i, variable in enumerate(self.variables):
            groups.setdefault((variable.dtype, key and key(variable)), []).append(i)
        self.groups = list(groups.values())
        self.flats, _ = self._home("weights", self.variables)

    def pack(self, tensors: Sequence[Any]) -> list[Any]:
        """One tensor per variable, joined to one flat tensor per flat Variable."""
        return [ops.pack([tensors[i] for i in group]) for group in self.groups]

    def unpack(self, flats: Sequence[Any]) -> list[Any]:
        """The inverse of `pack`: flat tensors, cut into one tensor per variable."""
        pieces: list[Any] = [None] * len(self.variables)
        for flat, group in zip(flats, self.groups, strict=True):
            offset = 0
            for i in group:
                variable = self.variables[i]
                piece = flat[offset : offset + variable.size]
                pieces[i] = ops.reshape(piece, variable.shape)
                offset += variable.size
        return pieces

    def slots(self, name: str, fill: float = 0.0) -> tuple[list[Variable], list[Variable]]:
        """New state beside the variables: (flat Variables, one view of these per variable)."""
        views = [
            Variable(np.full(v.shape, fill), dtype=v.dtype, trainable=False, name=name)
            for v in self.variables
        ]
        return self._home(name, views)

    def _home(self, name: str, views: list[Variable]) -> tuple[list[Variable], list[Variable]]:
        flats = []
        for group in self.groups:
            size = sum(views[i].size for i in group)
            flat = Variable(np.zeros(size), dtype=views[group[0]].dtype, name=name)
            offset = 0
            for i in group:
                views[i].rehome(flat, offset)
                offset += views[i].size
            flats.append(flat)
        return flats, views
