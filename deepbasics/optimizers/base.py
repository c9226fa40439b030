"""The step of every optimizer: accumulate, clip, decay, update, average, constrain, count.

A step is a function of tensors: everything is computed first, from the values that the Variables
had, and written at the end, once. Nothing branches on the value of a tensor, so that a step can be
recorded.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from deepbasics import config, ops
from deepbasics.arena import Arena
from deepbasics.optimizers import arguments, gradients, schedules
from deepbasics.optimizers.stepwise import Stepwise
from deepbasics.variables import Variable

Tensors = dict[str, Any]
_OF_THE_STEP = ("average", "gradient_accumulator")  # slots that no update rule sees


class Unit(NamedTuple):
    """What one call of an update rule works on: a variable, or a flat one for many."""

    variable: Variable
    slots: dict[str, Variable]
    decays: bool


class Optimizer(Stepwise):
    """Base of the optimizers: a subclass defines `update`, and `slot_groups` if it has state; or
    `update_step`, and `build` if it has state, as in Keras 3.

    Args:
        learning_rate: a number, a `LearningRateSchedule`, or a function without arguments that
            gives a number.
        weight_decay: decoupled decay: `w -= w * weight_decay * learning_rate` before each update.
        clipnorm: each gradient `g` becomes `g * clipnorm / max(norm(g), clipnorm)`.
        clipvalue: each element of a gradient is clipped to `[-clipvalue, clipvalue]`.
        global_clipnorm: as clipnorm, with the norm of all gradients together. Only one of the three
            may be given.
        use_ema: keep a moving average of the weights, `a = ema_momentum * a + (1 - ema_momentum) *
            w`.
        ema_momentum: see use_ema.
        ema_overwrite_frequency: set the weights to their average every so many updates; None: when
            training ends.
        loss_scale_factor: the loss was multiplied by this (`scale_loss`); gradients are divided by
            it.
        gradient_accumulation_steps: update once in so many steps (2 or more), with the mean of
            their gradients.
        name: the first part of the paths of its variables.
        decay: the `decay` of Keras 1 and 2: the learning rate is divided by `1 + decay *
            iterations`.

    Raises:
        ValueError: two clip options, an `ema_momentum` outside [0, 1], or a count that is too
        small.

    The weights move into an `Arena` when the optimizer is built; an elementwise rule then updates
    all of them at once.
    """

    elementwise = True  # whether the rule treats each element alone: it may work on a flat arena

    def __init__(
        self,
        learning_rate: Any,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
    ) -> None:
        self._settings: list[str] = []
        self._set(
            weight_decay=weight_decay,
            clipnorm=clipnorm,
            global_clipnorm=global_clipnorm,
            clipvalue=clipvalue,
            use_ema=use_ema,
            ema_momentum=ema_momentum,
            ema_overwrite_frequency=ema_overwrite_frequency,
            loss_scale_factor=loss_scale_factor,
            gradient_accumulation_steps=gradient_accumulation_steps,
        )
        arguments.check(vars(self))
        self._check_stepwise()
        self.name = name or type(self).__name__.lower()
        self.decay = decay
        if decay:
            warnings.warn(
                f"{type(self).__name__}(decay=…) is an old spelling: write learning_rate="
                f"schedules.InverseTimeDecay(learning_rate, decay_steps=1, decay_rate={decay}).",
                DeprecationWarning,
                stacklevel=4,
            )
        self.built = False
        self._excluded: tuple[set[int], str | None] = (set(), None)
        self._units: list[Unit] = []
        self._flat_units: list[Unit] = []
        self._arena: Arena | None = None
        self._scalars: dict[str, Variable] = {}
        self._slots: list[Variable] = []
        self._left: dict[int, tuple[Variable, dict[str, np.ndarray]]] = {}  # see follow()
        self._met: set[frozenset[int]] = set()
        self._in_turn = False
        self._iterations = self._variable(0, "iteration", "int64")
        self._learning_rate = self._source(learning_rate)

    # What a subclass defines.

    def update(
        self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any
    ) -> tuple[Any, Tensors]:
        """One update as a formula over tensors, which must not be changed in place.

        Args:
            g: the gradient, in the shape and dtype of `w`.
            w: the weights, any shape.
            slots: this optimizer's state for them, by name.
            learning_rate: scalar, in the dtype of `w`.
            step: how many updates there were before this one; int64 scalar.

        Returns:
            The new weights and the new slots.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update().")

    def slot_groups(self) -> list[dict[str, float]]:
        """State per variable: names with initial values, in the order of `variables`."""
        return []

    def slot_shape(self, slot: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a slot for a variable of `shape`; an elementwise rule must keep it."""
        return shape

    def scalars(self) -> dict[str, float]:
        """State that all variables share; `update` finds and returns it among the slots."""
        return {}

    # The learning rate and other settings.

    @property
    def learning_rate(self) -> Any:
        """The Variable that holds it, or the value of a schedule or function. Settable."""
        if isinstance(self._learning_rate, Variable):
            return self._learning_rate
        return self._rate(self._iterations.value)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        settable = isinstance(self._learning_rate, Variable)
        if callable(value):
            self._learning_rate = value
        elif settable:
            self._learning_rate.assign(arguments.number(value))
        else:
            raise TypeError(
                f"The learning rate of this {type(self).__name__} is a schedule or function; it "
                f"cannot be set to {value!r}. Construct the optimizer with a number, or set "
                "another schedule."
            )

    lr = learning_rate

    @property
    def iterations(self) -> Any:
        """The number of updates so far: a Variable, or a tensor where gradients are accumulated."""
        return self._updates(self._iterations)

    @property
    def variables(self) -> list[Variable]:
        """All state: iteration, learning rate (unless it is a schedule), then the slots."""
        rate = [self._learning_rate] if isinstance(self._learning_rate, Variable) else []
        return [self._iterations, *rate, *self._slots, *self._scalars.values()]

    def constants(self) -> tuple[Any, ...]:
        """What a recorded step has taken as constants: if it changes, record again."""
        held = isinstance(self._learning_rate, Variable)
        settings = tuple(getattr(self, name) for name in self._settings)
        return (None if held else self._learning_rate, self.decay, *settings)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as plain data (but for a function)."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            rate = float(str(rate.numpy()))  # the number as it was given, 0.001, not its float32
        elif isinstance(rate, schedules.LearningRateSchedule):
            rate = schedules.serialize(rate)
        own = {name: getattr(self, name) for name in self._settings}
        legacy = {"decay": self.decay} if self.decay else {}
        return {"name": self.name, "learning_rate": rate, **own, **legacy}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> "Optimizer":
        """The inverse of `get_config`; `custom_objects` names schedules of your own."""
        config = dict(config)
        if isinstance(config.get("learning_rate"), Mapping):
            rate = schedules.deserialize(config["learning_rate"], custom_objects)
            config["learning_rate"] = rate
        return cls(**config)

    def exclude_from_weight_decay(
        self,
        var_list: Iterable[Variable] | None = None,
        var_names: Iterable[str] | None = None,
    ) -> None:
        """Leave out Variables, or those whose name matches one of `var_names`. Before `build`."""
        if self.built:
            raise ValueError(
                "exclude_from_weight_decay() must be called before the optimizer is built."
            )
        self._excluded = ({id(v) for v in var_list or ()}, "|".join(var_names or ()) or None)

    def _decays(self, variable: Variable) -> bool:
        listed, pattern = self._excluded
        return id(variable) not in listed and not (pattern and re.search(pattern, variable.name))

    def _set(self, **settings: Any) -> None:
        """Keep arguments of the constructor as attributes, and name them in the config."""
        for name, value in settings.items():
            setattr(self, name, value)
        self._settings += settings

    def _source(self, learning_rate: Any) -> Any:
        if callable(learning_rate):
            return learning_rate
        return self._variable(arguments.number(learning_rate), "learning_rate", config.floatx())

    def _rate(self, iterations: Any) -> Any:
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            rate = rate(iterations)
        elif isinstance(rate, Variable):
            rate = rate.value
        else:
            self._iterations.backend.unrecordable("the learning rate is a Python function")
            rate = arguments.number(rate())
        if self.decay:
            rate = rate / (1 + self.decay * ops.cast(iterations, config.floatx()))
        return rate

    # Building.

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the state for `variables`; an elementwise rule moves them into an arena."""
        if self.built:
            return
        variables = list(variables)
        self._units = [Unit(v, {}, self._decays(v)) for v in variables]
        self._arena, self._flat_units = None, []
        if self.elementwise and self.update_step is None and not self._in_turn:
            self._arena = arena = Arena(variables, key=self._decays)
            decays = [self._decays(variables[group[0]]) for group in arena.groups]
            flats = zip(arena.flats, decays, strict=True)
            self._flat_units = [Unit(flat, {}, decay) for flat, decay in flats]
        if self.use_ema:
            self._add_slots({"average": 0.0})
        if self.gradient_accumulation_steps:
            self._add_slots({"gradient_accumulator": 0.0}, homed=False)
        for group in self.slot_groups():
            self._add_slots(group)
        dtype = variables[0].dtype if variables else config.floatx()
        self._scalars = {n: self._variable(x, n, dtype) for n, x in self.scalars().items()}
        self.built = True

    def follow(self, variables: Iterable[Variable]) -> bool:
        """Build for `variables`, again if these are others than before; returns whether it did.

        A variable that was known keeps its state, also one that is left out for a while (a frozen
        layer). Weights that another optimizer has moved into its arena come back into this one's.
        The second time that it is asked for the same ones, models are trained in turn: from then on
        it stands for all that it has met, and moves nothing.
        """
        variables = list(variables)
        if self.built and self._holds(variables):
            return False
        asked = frozenset(map(id, variables))
        if asked in self._met:
            self._in_turn = True
            known = [u.variable for u in self._units] + [v for v, _ in self._left.values()]
            variables += [v for v in known if id(v) not in asked]
        self._met.add(asked)
        for unit in self._units:
            state = {slot: view.numpy() for slot, view in unit.slots.items()}
            self._left[id(unit.variable)] = (unit.variable, state)
        shared = {name: variable.numpy() for name, variable in self._scalars.items()}
        self.built, self._slots = False, []
        self.build(variables)
        for unit in self._units:
            for slot, value in self._left.pop(id(unit.variable), (None, {}))[1].items():
                unit.slots[slot].assign(value)
        for name, value in shared.items():
            self._scalars[name].assign(value)
        return True

    def _holds(self, variables: Sequence[Variable]) -> bool:
        """Whether it was built for these, in this order, and they still live in its arena."""
        if self._in_turn:
            return {id(v) for v in variables} <= {id(unit.variable) for unit in self._units}
        if [id(v) for v in variables] != [id(unit.variable) for unit in self._units]:
            return False
        flats = {id(unit.variable) for unit in self._flat_units}
        return self._arena is None or all(v.home and id(v.home.flat) in flats for v in variables)

    def _add_slots(self, group: Mapping[str, float], homed: bool = True) -> None:
        for slot, fill in group.items():
            if self._arena is not None and homed:
                flats, views = self._arena.slots(slot, fill)
                for unit, flat in zip(self._flat_units, flats, strict=True):
                    unit.slots[slot] = flat
            else:
                views = [self._slot(unit.variable, slot, fill) for unit in self._units]
            for unit, view in zip(self._units, views, strict=True):
                view.path = f"{self.name}/{unit.variable.path.replace('/', '_')}_{slot}"
                unit.slots[slot] = view
        self._slots += [unit.slots[slot] for unit in self._units for slot in group]

    def _slot(self, variable: Variable, slot: str, fill: float) -> Variable:
        value = np.full(self.slot_shape(slot, variable.shape), fill)
        return Variable(value, dtype=variable.dtype, trainable=False, name=slot)

    def _variable(self, value: float, name: str, dtype: str) -> Variable:
        variable = Variable(value, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    def to(self, backend: Any) -> None:
        """Move the state, and the weights that it was built for, to another backend."""
        for unit in (*self._flat_units, *self._units):
            for variable in (unit.variable, *unit.slots.values()):
                variable.to(backend)
        for variable in self.variables:
            variable.to(backend)

    # The step.

    def scale_loss(self, loss: Any) -> Any:
        """The loss times `loss_scale_factor`, if there is one."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """`apply` for (gradient, variable) pairs; returns the iteration."""
        self.apply(*gradients.apart(grads_and_vars))
        return self._iterations

    def apply(
        self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None
    ) -> None:
        """One step: gradients in, variables and state updated (see `writes`)."""
        for variable, value in self.writes(grads, trainable_variables):
            variable.assign(value)

    def writes(
        self, grads: Sequence[Any], trainable_variables: Iterable[Variable] | None = None
    ) -> list[tuple[Variable, Any]]:
        """What a step writes: Variables with their new values, all computed from the old ones.

        Args:
            grads: one for each variable, of its shape; None where there is none, which leaves the
                variable as it is.
            trainable_variables: builds the optimizer if need be; later calls may name some of
                these. None: all.

        Raises:
            ValueError: a variable it was not built for, a gradient of the wrong shape or count, or
            no gradient at all.
        """
        if len(grads) == 0:
            return []
        if trainable_variables is not None:
            trainable_variables = list(trainable_variables)
            self.build(trainable_variables)
        elif not self.built:
            raise ValueError("apply() needs the variables, or a call of build(variables) before.")
        known = [unit.variable for unit in self._units]
        named = known if trainable_variables is None else trainable_variables
        given = gradients.in_order(grads, named, known)
        iterations = self._iterations.value
        return [*self._step(given, iterations), (self._iterations, iterations + 1)]

    def ema_pairs(self) -> list[tuple[Variable, Variable]]:
        """Each variable with its moving average; none without `use_ema`."""
        return [(u.variable, u.slots["average"]) for u in self._units if self.use_ema]

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """With `use_ema`, set the variables to their averages: the end of training."""
        averages = {id(variable): average for variable, average in self.ema_pairs()}
        for variable in var_list:
            if id(variable) in averages:
                variable.assign(averages[id(variable)])

    def _step(self, given: list[Any], iterations: Any) -> list[tuple[Variable, Any]]:
        """What to write where, given a gradient or None for each variable."""
        given, due, writes = self._accumulate(given, iterations)
        given = gradients.clip(given, self.clipnorm, self.global_clipnorm)
        if self.update_step is not None:
            self._step_by_step(given, self._rate(iterations))
            return writes
        arena = self._arena if all(g is not None for g in given) else None
        units = self._flat_units if arena else self._units
        packed = arena.pack(given) if arena else given
        step, rate = self._updates(iterations), self._rate(iterations)
        results = [self._advance(u, g, rate, step, due) for u, g in zip(units, packed, strict=True)]
        weights = self._constrain([w for w, _ in results], given, arena)
        for unit, w, (_, slots) in zip(units, weights, results, strict=True):
            if w is not None:
                writes.append((unit.variable, w))
            state = self._scalars | unit.slots
            writes += [(state[slot], value) for slot, value in slots.items()]
        return writes

    def _updates(self, iterations: Any) -> Any:
        """How many updates there were: fewer than steps where gradients are accumulated."""
        n = self.gradient_accumulation_steps
        return ops.floor_divide(iterations, n) if n else iterations

    def _accumulate(self, given: list[Any], iterations: Any) -> tuple[list[Any], Any, list[Any]]:
        """(gradients to use, whether an update is due, new values of the accumulators)."""
        if self.loss_scale_factor is not None:
            given = [g if g is None else g / self.loss_scale_factor for g in given]
        n = self.gradient_accumulation_steps
        if not n:
            return given, None, []
        due = ops.equal(ops.mod(iterations + 1, n), 0)
        slots = [unit.slots["gradient_accumulator"] for unit in self._units]
        sums = [g if g is None else g + a.value for g, a in zip(given, slots, strict=True)]
        writes = [
            (slot, ops.where(due, ops.zeros_like(total), total))
            for slot, total in zip(slots, sums, strict=True)
            if total is not None
        ]
        return [total if total is None else total / n for total in sums], due, writes

    def _advance(self, unit: Unit, g: Any, rate: Any, step: Any, due: Any) -> tuple[Any, Tensors]:
        """New weights (None: unchanged) and slots of one unit."""
        w, slots = unit.variable.value, {}
        if g is not None:
            w, slots = self._update(unit, g, w, ops.cast(rate, unit.variable.dtype), step, due)
        if self.use_ema:
            return self._average(unit, w, slots, step)
        return (None if g is None else w), slots

    def _update(
        self, unit: Unit, g: Any, w: Any, rate: Any, step: Any, due: Any
    ) -> tuple[Any, Tensors]:
        """New weights and slots of one unit by the update rule."""
        state = unit.slots | self._scalars
        old = {name: v.value for name, v in state.items() if name not in _OF_THE_STEP}
        if self.clipvalue:
            g = ops.clip(g, -self.clipvalue, self.clipvalue)
        decayed = w - w * self.weight_decay * rate if self.weight_decay and unit.decays else w
        new_w, new = self.update(g, decayed, old, rate, step)
        if due is None:
            return new_w, new
        kept = {name: ops.where(due, value, old[name]) for name, value in new.items()}
        return ops.where(due, new_w, w), kept

    def _average(self, unit: Unit, w: Any, slots: Tensors, step: Any) -> tuple[Any, Tensors]:
        later = ops.cast(ops.not_equal(step, 0), unit.variable.dtype)
        momentum = later * self.ema_momentum  # the first step sets the average to the weights
        average = momentum * unit.slots["average"].value + (1 - momentum) * w
        if self.ema_overwrite_frequency:
            due = ops.equal(ops.mod(step + 1, self.ema_overwrite_frequency), 0)
            w = ops.where(due, average, w)
        return w, slots | {"average": average}

    def _constrain(self, weights: list[Any], given: list[Any], arena: Arena | None) -> list[Any]:
        """Apply the constraints of the variables that have a gradient."""
        rules: list[Callable[[Any], Any] | None] = [
            None if g is None else unit.variable.constraint
            for unit, g in zip(self._units, given, strict=True)
        ]
        if not any(rules):
            return weights
        pieces = arena.unpack(weights) if arena else weights
        pieces = [rule(w) if rule else w for rule, w in zip(rules, pieces, strict=True)]
        return arena.pack(pieces) if arena else pieces


OPTIONS = tuple(
    name
    for name, parameter in inspect.signature(Optimizer.__init__).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)
