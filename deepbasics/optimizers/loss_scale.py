"""Loss scaling, for gradients in float16."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from deepbasics import ops
from deepbasics.optimizers.base import Optimizer
from deepbasics.variables import Variable


class LossScaleOptimizer(Optimizer):
    """Multiplies the loss, and so the gradients, by a scale; divides them again; skips overflows.

    Small gradients would be 0 in float16. The scale starts at `initial_scale`, doubles after
    `dynamic_growth_steps` steps with finite gradients, and is halved by a step with others, which
    leaves everything else as it was.

    `compile` wraps the optimizer of a "mixed_float16" model in one. Everything else is that of
    `inner_optimizer`. Reference: Micikevicius et al., "Mixed Precision Training", 2018.
    """

    def __init__(
        self,
        inner_optimizer: Optimizer,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
    ) -> None:
        if inner_optimizer.update_step is not None:
            raise ValueError(
                f"A loss can be scaled for an optimizer that defines update, a formula; "
                f"{type(inner_optimizer).__name__} defines update_step."
            )
        self.inner_optimizer = inner_optimizer
        super().__init__(0.0, name=name)
        self.initial_scale, self.dynamic_growth_steps = initial_scale, dynamic_growth_steps
        self.step_counter = self._variable(0, "step_counter", "int64")
        self.dynamic_scale = self._variable(initial_scale, "dynamic_scale", "float32")

    def scale_loss(self, loss: Any) -> Any:
        """The loss times the scale."""
        scale = ops.cast(self.dynamic_scale, ops.dtype(loss))
        return self.inner_optimizer.scale_loss(loss * scale)

    def writes(
        self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None
    ) -> list[tuple[Variable, Any]]:
        """What a step with these gradients writes: nothing but the scale, if one is not finite."""
        scale = self.dynamic_scale.value
        grads = [g if g is None else g / ops.cast(scale, ops.dtype(g)) for g in grads]
        given = [ops.all(ops.isfinite(g)) for g in grads if g is not None]
        if not given:
            return []
        finite = reduce(ops.logical_and, given)
        grown = ops.equal(self.step_counter.value + 1, self.dynamic_growth_steps)
        counted = ops.logical_and(finite, ops.logical_not(grown))
        count = self.step_counter.value + 1
        return [
            *(
                (variable, ops.where(finite, value, variable.value))
                for variable, value in self.inner_optimizer.writes(grads, trainable_variables)
            ),
            (self.step_counter, ops.where(counted, count, ops.zeros_like(count))),
            (
                self.dynamic_scale,
                ops.where(finite, ops.where(grown, scale * 2.0, scale), scale / 2.0),
            ),
        ]

    # What is that of the inner optimizer.

    @property
    def learning_rate(self) -> Any:
        """That of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    lr = learning_rate

    @property
    def iterations(self) -> Any:
        """The number of updates that were made."""
        return self.inner_optimizer.iterations

    @property
    def variables(self) -> list[Variable]:
        """The state of the scale, then that of the inner optimizer."""
        return [self.step_counter, self.dynamic_scale, *self.inner_optimizer.variables]

    def constants(self) -> tuple[Any, ...]:
        return (self.dynamic_growth_steps, *self.inner_optimizer.constants())

    def build(self, variables: Iterable[Variable]) -> None:
        self.inner_optimizer.build(variables)
        self.built = True

    def follow(self, variables: Iterable[Variable]) -> bool:
        self.built = True
        return self.inner_optimizer.follow(variables)

    def ema_pairs(self) -> list[tuple[Variable, Variable]]:
        return self.inner_optimizer.ema_pairs()

    def to(self, backend: Any) -> None:
        self.inner_optimizer.to(backend)
        for variable in (self.step_counter, self.dynamic_scale):
            variable.to(backend)

    def get_config(self) -> dict[str, Any]:
        from deepbasics.optimizers import serialize

        return {
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "LossScaleOptimizer":
        from deepbasics.optimizers import deserialize

        inner = deserialize(config["inner_optimizer"], custom_objects)
        return cls(**{**config, "inner_optimizer": inner})
