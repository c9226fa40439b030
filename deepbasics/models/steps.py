"""The steps of training, evaluation and prediction: code over ops, run as the backend likes."""

from collections.abc import Callable
from typing import Any

from deepbasics import logits, tree
from deepbasics.backends import registry
from deepbasics.layers.scope import call_scope


def _as_lists(tree_: Any) -> list[Any]:
    return tree.flatten(tree_)


def _weights(w: Any, outputs: list[Any]) -> list[Any]:
    """The sample weights of each output."""
    given = _as_lists(w)
    return given * len(outputs) if len(given) == 1 else given


def _forward(model: Any, x: Any, y: Any, w: Any, training: bool) -> tuple[Any, Any]:
    """(total loss, (outputs, loss of each output))."""
    with logits.scope(), call_scope(training) as call:
        y_pred = model(x, training=training)
        outputs = _as_lists(y_pred)
        total, each = model.compiled.compute_loss(
            _targets(y, outputs), outputs, _weights(w, outputs)
        )
        for penalty in (*call.losses, *model.weight_losses()):
            total = penalty if total is None else total + penalty
    if total is None:
        raise ValueError(
            "There is no loss to train on: pass loss= to compile, or call add_loss in a layer."
        )
    return total, (outputs, each)


def _targets(y: Any, outputs: list[Any]) -> list[Any]:
    targets = _as_lists(y)
    return targets if len(targets) == len(outputs) else [None] * len(outputs)


def train_step(model: Any, structure: Any) -> Callable[..., Any]:
    """One update: forward, loss, gradients, optimizer, metrics."""

    def step(*flat: Any) -> None:
        x, y, w = tree.pack_as(structure, flat)
        weights = model.trainable_weights
        total, (outputs, each), gradients = registry.active().gradients(
            lambda: _forward(model, x, y, w, training=True), weights
        )
        model.optimizer.apply(gradients, weights)
        _measure(model, total, each, y, outputs, w, flat)

    return step


def test_step(model: Any, structure: Any) -> Callable[..., Any]:
    """Loss and metrics of a batch."""

    def step(*flat: Any) -> None:
        x, y, w = tree.pack_as(structure, flat)
        total, (outputs, each) = _forward(model, x, y, w, training=False)
        _measure(model, total, each, y, outputs, w, flat)

    return step


def predict_step(model: Any, structure: Any) -> Callable[..., Any]:
    """The outputs of a batch, as a list."""

    def step(*flat: Any) -> list[Any]:
        x, _, _ = tree.pack_as(structure, flat)
        return _as_lists(model(x, training=False))

    return step


def _measure(
    model: Any, total: Any, each: Any, y: Any, outputs: Any, w: Any, flat: tuple[Any, ...]
) -> None:
    rows = int(next(t for t in flat if t is not None).shape[0])
    model.compiled.update(total, each, _targets(y, outputs), outputs, _weights(w, outputs), rows)
