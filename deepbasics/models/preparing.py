"""What stands between the data of a user and a step: sources of checked batches, everything built
and on the backend of the model, and the step as a program.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepbasics import tree
from deepbasics.backends import registry
from deepbasics.data import ArraySource, BatchSource, capped, is_batches, split_validation
from deepbasics.errors import as_count
from deepbasics.models import inputs
from deepbasics.models.compiled import Compiled
from deepbasics.models.frozen import Flags
from deepbasics.models.hooks import Hooks, Program
from deepbasics.random import next_key
from deepbasics.variables import Variable


class Preparing(Hooks):
    """The part of a model that makes data and itself ready for a step."""

    compiled: Compiled | None = None
    _flags = Flags(())
    _followed: Any = None  # the layers, and which of them were trainable, for the last step

    # data -----------------------------------------------------------------------------------------

    def _training_data(
        self, x: Any, y: Any, w: Any, class_weight: Any, batch_size: int | None, shuffle: Any,
        limit: int | None, split: float, validation: Any, validation_batch: int | None,
        validation_limit: int | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        """Checked sources of training and validation batches; builds whatever is not built."""
        limit = as_count("steps_per_epoch", limit, None)
        size = as_count("batch_size", batch_size, 32)
        validation_size = as_count("validation_batch_size", validation_batch, size)
        if is_batches(x):
            _refuse_beside_batches(y=y, sample_weight=w, validation_split=split or None)
            source = BatchSource(
                x, self._prepare_batch(class_weight, True), shuffle is True, next_key(), limit
            )
        else:
            parts = inputs.as_data(x, y, w)
            if split and validation is None:
                parts, validation = split_validation(parts, split)
            parts = self._ready(*parts, class_weight, True, size)
            source = ArraySource(parts, size, shuffle, next_key(), limit)
        if validation is not None:
            if not is_batches(validation):
                validation = _triple(validation)
            validation = self._evaluation_data(validation, validation_size, validation_limit)
        self._build_optimizer()
        return capped(source), validation

    def _prepare_batch(
        self, class_weight: Any = None, training: bool = False
    ) -> Callable[..., Any]:
        """What makes checked arrays of the batches of a generator."""
        return lambda *batch: self._ready(*inputs.as_data(*batch), class_weight, training)

    def _evaluation_data(self, data: Any, batch_size: int, limit: int | None) -> Any:
        limit = as_count("steps", limit, None)
        if is_batches(data):
            return capped(BatchSource(data, self._prepare_batch(), limit=limit))
        parts = self._ready(*inputs.as_data(*data), rows=batch_size)
        source = ArraySource(parts, batch_size)
        source.steps = min(limit or source.steps, source.steps)
        return capped(source)

    def _ready(
        self,
        x: Any,
        y: Any,
        w: Any,
        class_weight: Any = None,
        training: bool = False,
        rows: int | None = None,
    ) -> tuple[Any, Any, Any]:
        """Build whatever is not built, check the data against it, and cast them once.

        A step of a subclass gets the data as they are, but for their float dtype.
        """
        if self.has_own_steps():
            w = inputs.with_class_weight(y, w, class_weight)
            self._gather()
            return tuple(inputs.cast_floats(self, part) for part in (x, y, w))
        x = self.build_for(x, rows)
        names, shapes = self.flat_output_names(), self.flat_output_shapes()
        w = inputs.with_class_weight(y, w, class_weight)
        self.compiled.choose_losses(names)
        y, w = inputs.targets(self, y), inputs.weights(self, w)
        if self.compiled.build(names, [() if t is None else t.shape for t in y], shapes):
            self._programs, self._gathered = {}, None
            inputs.check_activations(self)
        self._gather()
        if training:
            inputs.check_finite(self, x)
        return x, y, w

    def _prediction_data(
        self, x: Any, *ignored: Any, rows: int | None = None
    ) -> tuple[Any, None, None]:
        """Checked inputs as (x, y, w) without labels; builds whatever is not built."""
        x = inputs.as_data(x)[0]
        own = self.overrides("predict_step")
        x = inputs.cast_floats(self, x) if own else self.build_for(x, rows)
        self._gather()
        return x, None, None

    # the model ------------------------------------------------------------------------------------

    def _build_optimizer(self) -> None:
        if self.has_own_steps():
            return  # they may use others, on other weights
        if self.optimizer.follow(self.trainable_weights):
            self._gathered = None
            self._gather()

    def _gather(self) -> None:
        """Bring everything to the backend of the model: parts may have been made on another."""
        if self._gathered == Variable.moves:
            return
        if any(v.backend is not self.backend for v in self._state()):
            self.to(self.backend)
        self._gathered = Variable.moves

    # steps ----------------------------------------------------------------------------------------

    def _training_program(self, source: Any) -> Any:
        """The step, with an optimizer for the weights that are trainable by now."""
        trained = self._trained()
        if trained != self._followed:
            self._build_optimizer()
            self._followed = trained
        return self._program("train", source.structure, trained)

    def _trained(self) -> tuple[Any, ...]:
        """The layers, and which of them are trainable."""
        walk = self._walked()
        return (walk, self.trainable, *[layer.trainable for layer in walk.layers])

    def _program(self, kind: str, structure: Any, trained: Any = None) -> Any:
        """The step of a kind as the backend runs it, kept until something it depends on changes."""
        form = tuple([tree.map(_is_there, part) for part in structure])
        optimizers = self._optimizers() if kind == "train" else ()
        constants = tuple(optimizer.constants() for optimizer in optimizers)
        key = (kind, str(form), trained or self._trained(), constants)
        program = self._kept(key, lambda: Program(self, kind, form))
        return program.recorded or program

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """A program under a key, made again once what it works on has moved."""
        if self._moves != Variable.moves:  # something moved; perhaps not what is bound here
            bound = [variable.data for variable in self._state()]
            if [id(data) for data in bound] != [id(data) for data in self._bound]:
                self._programs, self._bound = {}, bound
            self._moves = Variable.moves
        if key not in self._programs:
            self._programs[key] = make()
        return self._programs[key]

    @contextmanager
    def _settled(self) -> Iterator[Any]:
        """The backend of the model, and its layers trainable as they are for it."""
        with registry.use_backend(self.backend) as backend, self._flags.standing():
            yield backend


def _is_there(leaf: Any) -> bool:
    return leaf is not None


def _triple(data: Any) -> tuple[Any, Any, Any]:
    if not isinstance(data, (tuple, list)) or not 1 <= len(data) <= 3:
        raise ValueError("validation_data must be (x, y) or (x, y, sample_weight).")
    return (*data, None, None)[:3]


def _refuse_beside_batches(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise ValueError(
                f"x yields batches, so {name} must not be given: each batch is (x, y) or "
                "(x, y, sample_weight), and validation data go into validation_data."
            )
