"""What a case is: an op, how to call it, and how to draw its arguments."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepbasics.ops.call import call as primitive

SIZES = {"a": 2, "b": 3, "k": 4, "m": 5, "n": 3, "h": 6, "w": 5, "p": 3, "q": 2}
SHAPES = ((3, 4), (4,), (3, 1))


@dataclass(frozen=True)
class Draw:
    """One argument: its axes as letters or, if they have one length, numbers (None: any shape that
    broadcasts), and what it holds.

    `kind`: "float" in [low, high), "ids" (int64 below the axis `below`, negative ones too with
    `negative`), "int", "bool", or "probability" (rows of the last axis sum to 1). `bounded`: no
    edge value outside [low, high] makes sense; nor one nearer to 0 than `least`.
    """

    axes: str | None = None
    low: float = -2.0
    high: float = 2.0
    kind: str = "float"
    below: str = ""
    grad: bool = True
    negative: bool = False
    bounded: bool = False
    least: float = 0.0

    def shape(self, sizes: Mapping[str, Any], position: int) -> tuple[int, ...]:
        """The shape for these lengths; `position` counts the arguments that broadcast."""
        if self.axes is None:
            return tuple(sizes["*"][position])
        return tuple(int(a) if a.isdigit() else sizes[a] for a in self.axes.split())

    def array(self, rng: np.random.Generator, shape: tuple[int, ...], sizes: Any) -> np.ndarray:
        """The argument; floats are float64."""
        if self.kind == "bool":
            return rng.random(shape) < 0.5
        if self.kind == "ids":
            n = sizes[self.below]
            return rng.integers(-n if self.negative else 0, n, shape)
        if self.kind == "int":
            return rng.integers(int(self.low), int(self.high), shape)
        x = rng.uniform(self.low, self.high, shape)
        if self.kind == "probability":
            x = np.exp(x)
            return x / x.sum(axis=-1, keepdims=True)
        return _off_kinks(x)


def _off_kinks(x: np.ndarray) -> np.ndarray:
    """At least 0.01 from each multiple of a half, where derivatives may jump."""
    halves = np.rint(2 * x) / 2
    near = np.abs(x - halves) < 0.01
    return np.where(near, halves + np.where(x < halves, -0.01, 0.01), x)


@dataclass(frozen=True)
class Case:
    """One row of the table.

    `call(*tensors, **settings)` gives a tensor or a nest of them. A setting that is a function is
    called with the lengths of the axes. `kind` chooses the tolerance: "elementwise", "composed"
    (elementwise, of several ops whose terms may cancel), "reduction" or "exact". `smooth`: it may
    be differentiated twice. `empty`: the axes that may have length 0, or "*" for all.
    """

    op: str
    draws: tuple[Draw, ...]
    call: Callable[..., Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "elementwise"
    smooth: bool = True
    empty: str = "*"
    label: str = ""
    is_primitive: bool = False

    def __str__(self) -> str:
        return f"{self.op}-{self.label}" if self.label else self.op

    @property
    def letters(self) -> list[str]:
        """The axes whose lengths are free."""
        every = {c for d in self.draws for c in (d.axes or "").split()}
        return sorted(c for c in every if not c.isdigit())

    def may_be_empty(self, letter: str) -> bool:
        """Whether the axis may have length 0."""
        return letter in self.empty or self.empty == "*"

    @property
    def broadcasts(self) -> int:
        """How many arguments take any shapes that broadcast together."""
        return sum(d.axes is None for d in self.draws)

    @property
    def wanted(self) -> list[int]:
        """The positions of the arguments that have a gradient."""
        return [
            i for i, d in enumerate(self.draws) if d.grad and d.kind in ("float", "probability")
        ]

    def sizes(
        self, lengths: Mapping[str, int] | None = None, shapes: Sequence[Any] = SHAPES
    ) -> dict[str, Any]:
        """Lengths of all axes (default: `SIZES`), and the shapes of arguments that broadcast."""
        return {**SIZES, **(lengths or {}), "*": tuple(shapes)}

    def arguments(
        self, seed: int, dtype: str = "float64", sizes: Mapping[str, Any] | None = None
    ) -> list[np.ndarray]:
        """Drawn arguments."""
        sizes = sizes or self.sizes()
        rng = np.random.default_rng([seed, len(self.op)])
        found, position = [], 0
        for draw in self.draws:
            x = draw.array(rng, draw.shape(sizes, position), sizes)
            position += draw.axes is None
            found.append(x.astype(dtype) if x.dtype.kind == "f" else x)
        return found

    def bind(self, sizes: Mapping[str, Any] | None = None) -> Callable[..., Any]:
        """The call with its settings worked out: a function of tensors alone."""
        sizes = sizes or self.sizes()
        settings = {k: v(sizes) if callable(v) else v for k, v in self.settings.items()}
        if self.is_primitive:
            return lambda *xs: primitive(self.op, *xs, **settings)
        return lambda *xs: self.call(*xs, **settings)
