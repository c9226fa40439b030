"""Train one model on two backends side by side, and say where they part.

Three copies of the model are trained from the same seed on the same batches. The *leader* is on the
first backend. The *twin* is on the second and on its own all the way, so that it shows what a user
would see. The *shadow* is on the second too, and takes over the leader's whole state before each
step: what it then computes otherwise, it computed otherwise in that step.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import numpy as np

from deepbasics import config, ops, tree
from deepbasics.backends import registry
from deepbasics.layers import Dropout
from deepbasics.models import steps as step_room
from deepbasics.random import set_random_seed
from deepbasics.testing.tolerances import (
    EXACT,
    LAYER,
    RUN,
    STEP_REST,
    STEP_WEIGHTS,
    Tolerance,
    differences,
    size_of,
)

_FREE = Tolerance(np.inf, "lr")  # what noise has become after many steps: reported, not judged

LEVELS = {  # in the order in which a step goes through them
    "initial weights": EXACT,
    "batches": EXACT,
    "dropout masks": EXACT,
    "outputs": LAYER,
    "gradients": LAYER,
    "weights": STEP_WEIGHTS,
    "slots": STEP_REST,
    "loss": STEP_REST,
    "metrics": STEP_REST,
    "loss curve": RUN,
    "weights so far": {"float64": _FREE, "float32": _FREE},
}
_CROSSING_ZERO = ("gradients", "slots")  # sums that may cancel: measured by their largest so far
_HEADINGS = {
    "outputs": "one step from the same state (shadow)",
    "loss curve": "each backend on its own (twin)",
}

Named = list[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Difference:
    """The largest difference of a tensor at a step (counted from 1; 0: before the first)."""

    level: str
    step: int
    tensor: str
    size: float
    tolerance: Tolerance

    @property
    def passes(self) -> bool:
        """Whether it is past its tolerance."""
        return not self.size <= self.tolerance.limit

    def __str__(self) -> str:
        return f"step {self.step}, {self.level}, {self.tensor}: {_amount(self)}"


@dataclass
class Report:
    """What `compare` found; `str(report)` is a table.

    `worst`: the largest `Difference` of each level. `first`: the first one past its tolerance, in
    the order of computation, or None. `losses`: the loss of each batch for the two backends.
    """

    backends: tuple[str, str]
    floatx: str
    seed: int
    batch_size: int
    steps: int = 0
    worst: dict[str, Difference] = field(default_factory=dict)
    first: Difference | None = None
    losses: tuple[list[float], list[float]] = ((), ())
    _largest: dict[str, float] = field(default_factory=dict)  # of each gradient and slot so far

    @property
    def ok(self) -> bool:
        """Whether all levels stayed within their tolerances."""
        return self.first is None

    def take(self, level: str, want: Named, got: Named, unit: float | None = None) -> None:
        """Compare tensors with the leader's; `unit`: the learning rate, where that is the unit."""
        tolerance = LEVELS[level][self.floatx]
        for (name, a), (_, b) in zip(want, got, strict=True):
            size = size_of(a, b) if unit is None else unit
            if level in _CROSSING_ZERO:
                size = self._largest[name] = max(size, self._largest.get(name, 0.0))
            apart = _apart(a, b, tolerance, size)
            found = Difference(level, self.steps, name, apart, tolerance)
            if level not in self.worst or not apart <= self.worst[level].size:
                self.worst[level] = found
            if found.passes and self.first is None:
                self.first = found

    def __str__(self) -> str:
        one, other = self.backends
        lines = [
            f"{one} and {other}, {self.floatx}, seed {self.seed}, {self.steps} steps of up to "
            f"{self.batch_size} rows",
            "",
            f"{'level':17}{'largest difference':21}{'tolerance':12}where",
        ]
        for level in LEVELS:
            if level in _HEADINGS:
                lines.append(f"  {_HEADINGS[level]}")
            lines.append(_row(level, self.worst.get(level)))
        verdict = f"First past its tolerance: {self.first}." if self.first else "All within."
        return "\n".join([*lines, "", verdict])


def compare(
    build: Callable[[], Any],
    x: Any,
    y: Any,
    backends: Sequence[str] = ("numpy", "torch"),
    steps: int = 100,
    *,
    batch_size: int = 32,
    seed: int = 0,
    floatx: str | None = None,
    shuffle: bool | str = True,
) -> Report:
    """Train what `build` gives on two backends, and report the largest differences by level.

    Args:
        build: makes the compiled model; called three times, each after `set_random_seed(seed)`.
        x, y, batch_size, shuffle: as for `fit`; epochs follow each other until `steps` are done.
        backends: two names, such as "numpy", "torch" or "torch:cuda:0"; the first leads.
        floatx: "float64" or "float32"; default the current one.

    Differences are relative to the largest value of the tensor; of a gradient or slot, to the
    largest that it has had so far, since a sum over rows or steps may cancel. Those of weights are
    in units of the learning rate. The tolerances are those of `deepbasics.testing.tolerances`.

    Raises ValueError for anything but two backends or for models of different structure, and
    BackendUnavailable where one cannot be used.

    >>> from deepbasics.layers import Dense
    >>> from deepbasics.models import Sequential
    >>> def build():
    ...     model = Sequential([Dense(1, input_shape=(2,))])
    ...     model.compile("sgd", "mse")
    ...     return model
    >>> x = np.arange(8.0).reshape(4, 2)
    >>> compare(build, x, x.sum(axis=1), ("numpy", "numpy"), steps=3, batch_size=2).ok
    True
    """
    if len(backends) != 2:
        raise ValueError(f"parity compares two backends; got {list(backends)}.")
    with _in_floatx(floatx or config.floatx()) as dtype:
        report = Report(tuple(map(str, backends)), dtype, seed, batch_size)
        first, second = (registry.get(backend) for backend in backends)
        leader, twin, shadow = (
            _Trainee(build, backend, seed, (x, y), batch_size, shuffle)
            for backend in (first, second, second)
        )
        if len(leader.roots()) != len(twin.roots()):
            raise ValueError(
                f"parity needs the same model on both backends; build made one with "
                f"{len(leader.roots())} variables and one with {len(twin.roots())}."
            )
        report.take("initial weights", leader.weights(), twin.weights())
        _train(leader, twin, shadow, steps, report)
        report.losses = (leader.losses, twin.losses)
    return report


def _train(leader: Any, twin: Any, shadow: Any, steps: int, report: Report) -> None:
    pairs = zip(leader.batches(), twin.batches(), strict=True)
    for step, (batch, other) in enumerate(islice(pairs, steps), 1):
        report.steps = step
        rate = leader.learning_rate()
        shadow.take_state(leader)
        report.take("batches", leader.arrays(batch), twin.arrays(other))
        want, got = leader.probe(batch), shadow.probe(other)
        for level in want:
            report.take(level, want[level], got[level])
        for trainee, own in ((leader, batch), (twin, other), (shadow, other)):
            trainee.train(own)
        report.take("weights", leader.weights(), shadow.weights(), rate)
        report.take("slots", leader.slots(), shadow.slots())
        report.take("loss", leader.measured[:1], shadow.measured[:1])
        report.take("metrics", leader.measured[1:], shadow.measured[1:])
        report.take("loss curve", leader.measured[:1], twin.measured[:1])
        report.take("weights so far", leader.weights(), twin.weights(), rate)


class _Trainee:
    """A model on a backend, with its batches."""

    def __init__(
        self, build: Any, backend: Any, seed: int, data: Any, batch_size: int, shuffle: Any
    ) -> None:
        self.backend, self.losses = backend, []
        self.measured: Named = []
        with registry.use_backend(backend):
            set_random_seed(seed)
            self.model = build()
            self.source, _ = self.model._training_data(
                *data, None, None, batch_size, shuffle, None, 0.0, None, None, None
            )

    def batches(self) -> Iterator[tuple[Any, ...]]:
        """The tensors of one batch after the other, without end."""
        for epoch in count():
            for _, batch in self.source.epoch(epoch):
                yield batch

    def train(self, batch: tuple[Any, ...]) -> None:
        """One step as `fit` makes it; `measured` is then the loss and the metrics of the batch."""
        with registry.use_backend(self.backend):
            self.model.reset_metrics()
            self.model._shown = self.model._program("train", self.source.structure)(*batch)
            found = self.model._results()
        self.measured = [(name, np.asarray(value)) for name, value in found.items()]
        self.losses.append(found["loss"])

    def probe(self, batch: tuple[Any, ...]) -> dict[str, Named]:
        """What a step computes on the way, op by op; the model stays as it is."""
        before = [(v, v.numpy()) for v in self.roots()]
        seen: dict[str, Named] = {"dropout masks": [], "outputs": [], "gradients": []}
        form = tree.map(lambda leaf: leaf is not None, self.source.structure)
        with registry.use_backend(self.backend), _watched(self.model, seen):
            step = step_room.train_step(self.model, form)
            self.backend.step(step, eager=True)(*batch)
        for variable, value in before:
            variable.assign(value)
        return seen

    def take_state(self, other: "_Trainee") -> None:
        """Weights, slots, metrics and random counters of another one."""
        for mine, theirs in zip(self.roots(), other.roots(), strict=True):
            mine.assign(theirs.numpy())

    def roots(self) -> list[Any]:
        """All state; a view is part of what it is a view of."""
        return [v for v in self.model._state() if v.home is None]

    def weights(self) -> Named:
        """The weights that are trained."""
        return [(v.path, v.numpy()) for v in self.model.trainable_weights]

    def slots(self) -> Named:
        """What the optimizer keeps, and weights that are not trained (such as running means)."""
        others = [*self.model.optimizer.variables, *self.model.non_trainable_weights]
        return [(v.path, v.numpy()) for v in others]

    def arrays(self, batch: tuple[Any, ...]) -> Named:
        """A batch on the host."""
        present = (t for t in batch if t is not None)
        return [(f"array {i}", self.backend.numpy(t)) for i, t in enumerate(present)]

    def learning_rate(self) -> float:
        """That of the coming step."""
        with registry.use_backend(self.backend):
            return float(ops.convert_to_numpy(self.model.optimizer.learning_rate))


@contextmanager
def _watched(model: Any, seen: dict[str, Named]) -> Iterator[None]:
    """Keep what the layers give and the gradients; leave the weights."""

    def keep_gradients(gradients: Sequence[Any], variables: Sequence[Any]) -> None:
        found = zip(variables, gradients, strict=True)
        kept = [(v.path, _copy(g)) for v, g in found if g is not None]
        seen["gradients"] = kept[::-1]  # backpropagation comes to the last layer first

    layers = model.all_layers()
    model.optimizer.apply = keep_gradients
    for layer in layers:
        layer.call = _kept(layer, seen)
    try:
        yield
    finally:
        del model.optimizer.apply
        for layer in layers:
            del layer.call


def _kept(layer: Any, seen: dict[str, Named]) -> Callable[..., Any]:
    """The layer's `call`, with its output kept; of a dropout, the mask too."""
    call = layer.call

    def kept(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, Dropout) and layer.rate > 0:
            counter = layer.seed_generator.counter
            before = counter + 0
            mask = call(ops.ones_like(inputs), *args, **kwargs)
            counter.assign(before)  # the mask of the call below is the same
            seen["dropout masks"].append((layer.name, _copy(mask)))
        outputs = call(inputs, *args, **kwargs)
        seen["outputs"] += [(layer.name, _copy(t)) for t in tree.flatten(outputs)]
        return outputs

    return kept


def _copy(tensor: Any) -> np.ndarray:
    return np.array(registry.active().numpy(tensor))


def _apart(a: np.ndarray, b: np.ndarray, tolerance: Tolerance, size: float) -> float:
    """The largest difference, in the tolerance's unit; infinite where there is no comparison."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return np.inf
    return float(differences(b, a, tolerance.unit, size).max(initial=0.0))


def _row(level: str, worst: Difference | None) -> str:
    if worst is None:
        return f"{level:17}none here"
    limit = worst.tolerance.limit
    allowed = "identical" if limit == 0 else "-" if limit == np.inf else f"{limit:.0e}"
    place = f"step {worst.step}, {worst.tensor}" if worst.size else ""
    mark = "  <-- past" if worst.passes else ""
    return f"{level:17}{_amount(worst):21}{allowed:12}{place}{mark}".rstrip()


def _amount(found: Difference) -> str:
    if found.size == 0:
        return "identical"
    if found.tolerance.unit == "bits":
        return "not identical"
    return f"{found.size:.2g}{' lr' if found.tolerance.unit == 'lr' else ''}"


@contextmanager
def _in_floatx(dtype: str) -> Iterator[str]:
    if dtype not in RUN:
        raise ValueError(f"parity is promised in {' and '.join(RUN)}; floatx is {dtype!r}.")
    before = config.floatx()
    config.set_floatx(dtype)
    try:
        yield dtype
    finally:
        config.set_floatx(before)
