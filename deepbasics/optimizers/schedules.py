"""Learning rates that change with the number of the step, counted in batches from 0.

A schedule is called with `optimizer.iterations` before each update. The formulas are computed in
float64, so that both backends see the same learning rate, and the result is cast to floatx. `t` is
the step and `lr0` the initial learning rate.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deepbasics import absent, config, ops
from deepbasics.lookup import Lookup


class LearningRateSchedule:
    """Base of the schedules: subclass it and write `__call__(step)`, over ops.

    `step` is a scalar integer tensor (or a number); the result is a scalar. `get_config` gives the
    arguments of the constructor.
    """

    def __call__(self, step: Any) -> Any:
        """The learning rate at `step`, as a scalar tensor of floatx."""
        return ops.cast(self.rate(ops.cast(step, "float64")), config.floatx())

    def rate(self, t: Any) -> Any:
        """The formula, over a float64 scalar; what the schedules here define."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step).")

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "LearningRateSchedule":
        """The inverse of `get_config`."""
        return cls(**config)


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise ValueError(
            f"{name} is the length of the decay in steps; it must be > 0, not {value}."
        )
    return value


class ExponentialDecay(LearningRateSchedule):
    """`lr0 * decay_rate ** (t / decay_steps)`; with `staircase` the exponent is rounded down.

    >>> float(ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)(20))
    0.125
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, t: Any) -> Any:
        p = t / self.decay_steps
        p = ops.floor(p) if self.staircase else p
        return self.initial_learning_rate * ops.power(self.decay_rate, p)


class InverseTimeDecay(LearningRateSchedule):
    """`lr0 / (1 + decay_rate * t / decay_steps)`; with `staircase` the quotient is rounded down.

    `InverseTimeDecay(lr0, 1, decay)` is the `decay=` of Keras 1 and 2.

    >>> float(InverseTimeDecay(1.0, decay_steps=1, decay_rate=0.5)(2))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def rate(self, t: Any) -> Any:
        p = t / self.decay_steps
        p = ops.floor(p) if self.staircase else p
        return self.initial_learning_rate / (1 + self.decay_rate * p)


class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[k]` while `t <= boundaries[k]`, and the last value after that.

    Args:
        boundaries: steps, ascending.
        values: learning rates, one more than boundaries.

    >>> [float(PiecewiseConstantDecay([2], [1.0, 0.5])(t)) for t in (2, 3)]
    [1.0, 0.5]
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(values) != len(boundaries) + 1:
            raise ValueError(
                f"PiecewiseConstantDecay got {len(boundaries)} boundaries and {len(values)} "
                "values; it needs one value more than boundaries."
            )
        self.boundaries = list(boundaries)
        self.values = list(values)
        self.name = name

    def rate(self, t: Any) -> Any:
        rate = ops.cast(self.values[-1], "float64")
        for boundary, value in reversed(list(zip(self.boundaries, self.values, strict=False))):
            rate = ops.where(ops.less_equal(t, boundary), value, rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """`(lr0 - end) * (1 - min(t, s) / s) ** power + end`, where `s` is `decay_steps`.

    With `cycle`, `s` is the first multiple of `decay_steps` that is not below `t`, instead of
    `min(t, s)`.

    >>> float(PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.5)(2))
    0.75
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def rate(self, t: Any) -> Any:
        p = t / self.decay_steps
        p = p / ops.maximum(ops.ceil(p), 1.0) if self.cycle else ops.minimum(p, 1.0)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * ops.power(1 - p, self.power) + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
    """`lr0 * ((1 - alpha) * (1 + cos(π min(t, s) / s)) / 2 + alpha)`, where `s` is `decay_steps`.

    With a `warmup_target` the rate first rises in a line from `lr0` to the target over
    `warmup_steps`, and then decays from the target over `decay_steps`.

    Reference: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    >>> round(float(CosineDecay(1.0, decay_steps=10)(5)), 6)
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def rate(self, t: Any) -> Any:
        if self.warmup_target is None:
            return self._decayed(self.initial_learning_rate, t)
        rise = (self.warmup_target - self.initial_learning_rate) / max(self.warmup_steps, 1)
        decayed = self._decayed(self.warmup_target, t - self.warmup_steps)
        warming = ops.less(t, self.warmup_steps)
        return ops.where(warming, rise * t + self.initial_learning_rate, decayed)

    def _decayed(self, start: float, t: Any) -> Any:
        wave = 0.5 * (1 + ops.cos(math.pi * ops.minimum(t / self.decay_steps, 1.0)))
        return start * ((1 - self.alpha) * wave + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts anew: cycle `i` lasts `first_decay_steps * t_mul ** i` steps.

    It starts at `lr0 * m_mul ** i`.

    Reference: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    >>> [round(float(CosineDecayRestarts(1.0, 10)(t)), 6) for t in (0, 5, 10, 20)]
    [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: int,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def rate(self, t: Any) -> Any:
        p = t / self.first_decay_steps
        if self.t_mul == 1.0:
            cycle = ops.floor(p)
            p = p - cycle
        else:
            # A restart falls on a whole number here; the nudge keeps rounding from missing it.
            restarts = ops.log(1 + p * (self.t_mul - 1)) / math.log(self.t_mul)
            cycle = ops.floor(restarts + 1e-9)
            length = ops.power(self.t_mul, cycle)
            p = (p - (length - 1) / (self.t_mul - 1)) / length
        wave = 0.5 * ops.power(self.m_mul, cycle) * (1 + ops.cos(math.pi * p))
        return self.initial_learning_rate * ((1 - self.alpha) * wave + self.alpha)


_SCHEDULES = (
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
    CosineDecay,
    CosineDecayRestarts,
)
_lookup = Lookup("learning rate schedule", {cls.__name__: cls for cls in _SCHEDULES})

serialize = _lookup.serialize
deserialize = _lookup.deserialize

__getattr__ = absent.attributes(__name__)
