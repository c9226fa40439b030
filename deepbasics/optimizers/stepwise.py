"""Optimizers as Keras 3 has them written: `build` makes Variables, `update_step` writes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import config, initializers, ops
from deepbasics.variables import Variable


class Stepwise:
    """What an optimizer calls that defines `update_step(gradient, variable, learning_rate)`.

    It writes the Variable and its own state by `assign` and its kin. An `update`, a formula without
    writes, can do more: it is averaged, accumulated, scaled, and run on all weights at once.

    >>> from deepbasics.optimizers import Optimizer
    >>> class Signs(Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         self.assign_sub(variable, learning_rate * ops.sign(gradient))
    """

    update_step: Any = None

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: str | None = None,
        name: str | None = None,
    ) -> Variable:
        """State that all variables share."""
        value = initializers.get(initializer)(tuple(shape), dtype or config.floatx())
        return self._kept(value, dtype or config.floatx(), name or "variable", "")

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """State for one variable, of its shape and dtype."""
        of, name = reference_variable, name or "slot"
        value = initializers.get(initializer)(of.shape, of.dtype)
        slot = self._kept(value, of.dtype, name, of.path.replace("/", "_") + "_")
        for unit in self._units:
            if unit.variable is of:
                unit.slots[name] = slot  # by which it is found if the optimizer is built again
        return slot

    def _kept(self, value: np.ndarray, dtype: str, name: str, prefix: str) -> Variable:
        variable = Variable(value, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{prefix}{name}"
        self._slots.append(variable)
        return variable

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a Variable among those that the optimizer was built for."""
        return next(i for i, unit in enumerate(self._units) if unit.variable is variable)

    @staticmethod
    def assign(variable: Variable, value: Any) -> None:
        """Set a Variable."""
        variable.assign(value)

    @staticmethod
    def assign_add(variable: Variable, value: Any) -> None:
        """Add to a Variable."""
        variable.assign_add(value)

    @staticmethod
    def assign_sub(variable: Variable, value: Any) -> None:
        """Subtract from a Variable."""
        variable.assign_sub(value)

    def _step_by_step(self, given: list[Any], rate: Any) -> None:
        """Clip, decay, update and constrain, variable by variable."""
        for unit, g in zip(self._units, given, strict=True):
            if g is None:
                continue
            variable = unit.variable
            own_rate = ops.cast(rate, variable.dtype)
            if self.clipvalue:
                g = ops.clip(g, -self.clipvalue, self.clipvalue)
            if self.weight_decay and unit.decays:
                variable.assign_sub(variable * self.weight_decay * own_rate)
            self.update_step(g, variable, own_rate)
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))

    def _check_stepwise(self) -> None:
        """Raises ValueError for settings that need a formula."""
        asked = [name for name in ("use_ema", "gradient_accumulation_steps") if getattr(self, name)]
        if self.update_step is not None and asked:
            raise ValueError(
                f"{type(self).__name__}({asked[0]}=…) needs the update as a formula: define "
                "update(g, w, slots, learning_rate, step) instead of update_step."
            )
