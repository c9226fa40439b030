"""What a backend owes.

Everything else in the library (ops, layers, losses, optimizers, the training loop) is written over
these methods. A third party registers a class with the entry point group `deepbasics.backends`; it
is made as `Class(device)`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

Tensor = Any


class Backend(Protocol):
    """A rule for each primitive, storage for Variables, gradients, and a way to run a step."""

    name: str
    device: str
    rules: Mapping[str, Any]

    @staticmethod
    def devices() -> list[str]:
        """The devices that are usable here, the default first."""

    def apply(self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """Call a primitive."""

    def tensor(self, value: Any, dtype: str | None = None) -> Tensor:
        """A tensor of an array-like; one of the backend's own is returned as it is, or cast."""

    def numpy(self, tensor: Tensor) -> np.ndarray:
        """A NumPy array with the tensor's value."""

    def is_tensor(self, value: Any) -> bool:
        """Whether `value` is one of the backend's tensors."""

    def allocate(self, value: np.ndarray, dtype: str) -> Any:
        """Storage for a Variable, holding a copy of `value`."""

    def view(self, data: Any, offset: int, shape: tuple[int, ...]) -> Any:
        """The part of flat storage that starts at `offset`, as storage of `shape`."""

    def read(self, variable: Any) -> Tensor:
        """The value of a Variable."""

    def write(self, variable: Any, value: Tensor) -> None:
        """Set the value of a Variable in place."""

    def gradients(
        self, fn: Callable[[], tuple[Tensor, Any]], variables: Sequence[Any]
    ) -> tuple[Tensor, Any, list[Tensor | None]]:
        """`fn() -> (scalar, aux)`: the scalar, aux, and the scalar's gradient by each Variable."""

    def differentiate(
        self,
        fn: Callable[..., tuple[Tensor, Any]],
        args: Sequence[Tensor],
        cotangent: Any = None,
        variables: Mapping[Any, int] = {},
    ) -> tuple[Tensor, Any, list[Tensor]]:
        """`fn(*args) -> (output, aux)`: the output, aux, and vector-Jacobian products by `args`.

        `variables` gives the place in `args` of each Variable whose value stands there: where `fn`
        reads the Variable itself, it reads that argument.
        """

    def step(
        self, fn: Callable[..., Any], *, eager: bool = False, compiled: bool = False
    ) -> Callable[..., Any]:
        """`fn(*tensors)`, which updates Variables, as the backend runs it: recorded, or as it is.

        With `compiled` it goes through the backend's compiler, if it has one. `.ready(tensors)` of
        the result is what to call, as fast as can be, for those very tensors with other values.
        """

    def feed(self, arrays: Sequence[np.ndarray]) -> Any:
        """Rows as batches: `.order(permutation or None)`, `.batch(start, stop) -> tensors`."""

    def unrecordable(self, reason: str) -> None:
        """Say that the step in progress did something that a replay would not do again."""
