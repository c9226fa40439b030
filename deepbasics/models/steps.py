"""The steps of training, evaluation and prediction: code over ops, run as the backend likes.

A step takes the tensors of (x, y, w), flat; `form` is the nest that they are packed as. y and w are
lists with one entry for each output.
"""

from collections.abc import Callable, Iterable
from typing import Any

from deepbasics import logits, masks, naming, tree
from deepbasics.backends import registry
from deepbasics.layers.scope import call_scope
from deepbasics.losses.base import widened

Step = Callable[..., Any]


def train_step(model: Any, form: Any) -> Step:
    """One update: forward, loss, gradients, optimizer, metrics."""
    weights, forward = model.trainable_weights, _forward(model)

    def step(*flat: Any) -> dict[str, Any] | None:
        x, y, w = tree.pack_as(form, flat)

        def scaled() -> tuple[Any, Any]:
            total, outputs, each = forward(x, y, w, training=True)
            found = (total, outputs, each, masks.mask_of(outputs))
            return model.optimizer.scale_loss(total), found

        _, found, gradients = registry.active().gradients(scaled, weights)
        total, outputs, each, hidden = found
        masks.attach_each(outputs, hidden)  # a backend may give the outputs as new tensors
        shown = _measured(model, total, each, x, y, outputs, w)  # a metric may refuse the labels
        with naming.at(model.optimizer.name):
            model.optimizer.apply(gradients, weights)
        return shown

    return step


def test_step(model: Any, form: Any) -> Step:
    """Loss and metrics of a batch."""
    forward = _forward(model)

    def step(*flat: Any) -> dict[str, Any] | None:
        x, y, w = tree.pack_as(form, flat)
        total, outputs, each = forward(x, y, w, training=False)
        return _measured(model, total, each, x, y, outputs, w)

    return step


def _measured(
    model: Any, total: Any, each: list[Any], x: Any, y: Any, outputs: list[Any], w: Any
) -> dict[str, Any] | None:
    with naming.at("metrics"):
        model.compiled.track(total, each, int(tree.flatten(x)[0].shape[0]))
        return model.measure(x, y, outputs, w)


def predict_step(model: Any, form: Any) -> Step:
    """The outputs of a batch, as a list."""

    def step(*flat: Any) -> list[Any]:
        x, *_ = tree.pack_as(form, flat)
        return tree.flatten(model(x, training=False))

    return step


def _forward(model: Any) -> Callable[..., tuple[Any, list[Any], list[Any]]]:
    """`(x, y, w, training) -> (total loss, outputs, loss of each output)`."""
    own = model.overrides("compute_loss")
    loss = _own_loss(model) if own else _compiled_loss(model)
    functions = model.loss_functions()

    def forward(x: Any, y: Any, w: Any, training: bool) -> tuple[Any, list[Any], list[Any]]:
        with logits.scope(), call_scope(training) as call:
            outputs = [widened(y) for y in tree.flatten(model(x, training=training))]
            with naming.at("loss"):
                total, each = loss(x, y, outputs, w, training)
            if not own:
                penalties = (*call.losses, *(function() for function in functions))
                total = with_penalties(total, penalties)
        return total, outputs, each

    return forward


def with_penalties(total: Any, penalties: Iterable[Any]) -> Any:
    """The loss of the outputs (None for none) and the penalties, as one."""
    for penalty in penalties:
        total = penalty if total is None else total + penalty
    if total is None:
        raise ValueError(
            "There is no loss to train on: pass loss= to compile, or call add_loss in a layer."
        )
    return total


def _compiled_loss(model: Any) -> Callable[..., tuple[Any, list[Any]]]:
    return lambda x, y, outputs, w, training: model.compiled.compute_loss(y, outputs, w)


def _own_loss(model: Any) -> Callable[..., tuple[Any, list[Any]]]:
    """The loss of a model that defines `compute_loss`: the total, penalties included."""

    def loss(x: Any, y: Any, outputs: Any, w: Any, training: bool) -> tuple[Any, list[Any]]:
        y, y_pred, w = (parts[0] if len(parts) == 1 else parts for parts in (y, outputs, w))
        return model.compute_loss(x, y, y_pred, w, training), [None] * len(outputs)

    return loss
