"""Checks above the op: layer, step, run. As in `checks`, the reference is the NumPy backend, and
each returns the worst difference in the unit of its tolerance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from deepbasics import ops, tree
from deepbasics.backends import registry
from deepbasics.layers.scope import call_scope
from deepbasics.random import set_random_seed
from deepbasics.testing.checks import REFERENCE
from deepbasics.testing.evaluate import floats, floatx
from deepbasics.testing.networks import LayerCase, NetCase, OptimizerCase, small, take
from deepbasics.testing.tolerances import (
    LAYER,
    RUN,
    STEP_REST,
    STEP_WEIGHTS,
    Tolerance,
    compare,
    size_of,
)
from deepbasics.variables import Variable

Named = dict[str, np.ndarray]


def compare_all(
    got: Named, want: Named, tolerance: Tolerance, what: str, size: float = 0, least: float = 0
) -> float:
    """Compare tensors by name, each in relation to its largest element, at least to `least`; or all
    to `size`.
    """
    if got.keys() != want.keys():
        raise AssertionError(f"{what}: {sorted(got)} instead of {sorted(want)}")
    sizes = {k: size or max(size_of(want[k]), least) for k in want}
    return max(compare(got[k], want[k], tolerance, f"{what}: {k}", sizes[k]) for k in want)


# layer --------------------------------------------------------------------------------------------


def layer_values(case: LayerCase, backend: Any, dtype: str, training: bool, seed: int = 0) -> Named:
    """Outputs, and gradients of the inputs and of each weight, for drawn cotangents."""
    rng = np.random.default_rng([seed, 3])
    data = case.draw(rng)
    with floatx(dtype), registry.use_backend(backend) as active:
        set_random_seed(seed)
        layer = case.make()
        given = [
            Variable(x.astype(dtype), name="input") if x.dtype.kind == "f" else x for x in data
        ]

        def outputs() -> list[Any]:
            inputs = [x.value if isinstance(x, Variable) else active.tensor(x) for x in given]
            return floats(tree.flatten(case.apply(layer, inputs)))

        shapes = [tuple(y.shape) for y in outputs()]
        cotangents = [active.tensor(rng.uniform(0.5, 1.5, shape).astype(dtype)) for shape in shapes]

        def scalar() -> Any:
            with call_scope(training):
                found = outputs()
            terms = [ops.sum(ops.multiply(y, c)) for y, c in zip(found, cotangents, strict=True)]
            return sum(terms[1:], start=terms[0]), found

        variables = [*(x for x in given if isinstance(x, Variable)), *layer.trainable_weights]
        _, results, gradients = active.gradients(scalar, variables)
        found = {f"output {i}": y for i, y in enumerate(results)}
        for i, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
            found[f"{i} {variable.name}"] = gradient
        return {k: np.array(active.numpy(v)) for k, v in found.items() if v is not None}


def check_layer(
    case: LayerCase, backend: Any, dtype: str = "float64", training: bool = False, seed: int = 0
) -> float:
    """Output and gradients are those of the reference."""
    want = layer_values(case, REFERENCE, dtype, training, seed)
    got = layer_values(case, backend, dtype, training, seed)
    what = f"{case} in {dtype}"
    return compare_all(got, want, LAYER[dtype], what, least=case.terms)


# step ---------------------------------------------------------------------------------------------


def state_of(model: Any) -> tuple[Named, Named]:
    """(weights, everything else that a step changes), by place and name."""
    weights = {f"{i} {w.name}": w.numpy() for i, w in enumerate(model.weights)}
    slots = {f"{i} {v.name}": v.numpy() for i, v in enumerate(model.optimizer.variables)}
    metrics = {f"{m.name} {i}": v.numpy() for m in model.metrics for i, v in enumerate(m.variables)}
    return weights, {**slots, **metrics}


def stepped(case: OptimizerCase, backend: Any, dtype: str, steps: int) -> tuple[Any, Named, Named]:
    """A small network after some batches: (learning rate, weights, the rest of its state)."""
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(8 * steps, 5)), np.eye(3)[rng.integers(0, 3, 8 * steps)]
    with floatx(dtype), registry.use_backend(backend):
        set_random_seed(6)
        model = small(case.make())
        model.fit(x, y, batch_size=8, epochs=1, verbose=0)
        rate = float(ops.convert_to_numpy(model.optimizer.learning_rate))
        return rate, *state_of(model)


def check_step(case: OptimizerCase, backend: Any, dtype: str = "float64") -> dict[str, float]:
    """Weights, slots and metrics after one batch of `fit`: the worst of both sorts, by name."""
    steps = case.settings.get("gradient_accumulation_steps", 1)
    rate, want, want_rest = stepped(case, REFERENCE, dtype, steps)
    _, got, got_rest = stepped(case, backend, dtype, steps)
    what = f"{case} in {dtype}"
    return {
        "step weights": compare_all(got, want, STEP_WEIGHTS[dtype], what, size=rate),
        "step rest": compare_all(got_rest, want_rest, STEP_REST[dtype], what),
    }


# run ----------------------------------------------------------------------------------------------


def loss_curve(
    case: NetCase, backend: Any, dtype: str, steps: int = 100, data: Any = None
) -> np.ndarray:
    """The loss of each batch, in an order drawn beforehand."""
    rng = np.random.default_rng(7)
    x, y = case.data(rng) if data is None else data
    with floatx(dtype), registry.use_backend(backend):
        set_random_seed(8)
        model = case.make()
        losses = []
        for _ in range(steps):
            rows = rng.permutation(len(tree.flatten(x)[0]))[: case.batch_size]
            batch = take((x, y), rows)
            losses.append(model.train_on_batch(*batch, return_dict=True)["loss"])
    return np.array(losses)


def check_run(
    case: NetCase, backend: Any, dtype: str = "float64", steps: int = 100, data: Any = None
) -> float:
    """The loss of each of the steps is that of the reference.

    In float32 a relu whose input is within rounding of 0 may be on here and off there, and RMSprop
    makes a whole step of the difference: no fault of a backend, and seen in one of ten runs of the
    MNIST recipe. The networks of the table are small enough that it is rare.
    """
    want = loss_curve(case, REFERENCE, dtype, steps, data)
    got = loss_curve(case, backend, dtype, steps, data)
    return compare(got, want, RUN[dtype], f"loss of {case} in {dtype}")


# bits ---------------------------------------------------------------------------------------------


def check_same_bits(draw: Callable[[], Any], backend: Any, seed: int = 11) -> list[np.ndarray]:
    """`draw()`, a nest of tensors or Variables, is the same to the bit, from the same seed."""
    found = []
    for each in (REFERENCE, backend):
        with registry.use_backend(each):
            set_random_seed(seed)
            found.append([np.array(ops.convert_to_numpy(t)) for t in tree.flatten(draw())])
    for i, (want, got) in enumerate(zip(*found, strict=True)):
        compare(got, want, Tolerance(0.0, "bits"), f"draw {i}")
    return found[0]
