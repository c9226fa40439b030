"""What a step is made of: its source, and where its time goes."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from deepbasics import tree
from deepbasics.backends import registry
from deepbasics.layers import Layer
from deepbasics.losses.labels import not_finite
from deepbasics.models import inputs
from deepbasics.models.hooks import Program


class Instruments:
    """Looks into the training step of a model, on a backend that records steps as source."""

    def step_source(
        self, x: Any, y: Any = None, sample_weight: Any = None, save: Any = None
    ) -> str:
        """The training step for a batch as a NumPy script that runs without this library.

        Args:
            x, y, sample_weight: a batch, as for `train_on_batch`; nothing is trained on it.
            save: a path to write an `.npz` file to: the weights, the state and the batch, which the
                script's `main` loads (`python step.py state.npz`).

        Raises ValueError on another backend than NumPy, or for a step that cannot be recorded.
        """
        step, batch = self._step_and_batch(x, y, sample_weight, "step_source")
        shapes = ", ".join(f"{a.shape} {a.dtype}" for a in batch if a is not None)
        with registry.use_backend(self.backend):
            text, state = step.listing(batch, f"A training step of {self.name!r} on {shapes}.")
        if save is not None:
            np.savez(os.fspath(save), **state)
        return text

    def first_not_finite(self) -> Layer | None:
        """The first layer that makes what is not finite of the batch that is being trained on.

        For callbacks, which are there while a batch is; None if all outputs are finite. The random
        streams move on as in a step, and so do moving averages.
        """
        if self._batch is None:
            return None
        found: list[Layer] = []
        layers = list(_parts(self))
        for layer in layers:
            vars(layer)["call"] = _watched(layer, layer.call, found)
        try:
            with self._settled(), np.errstate(all="ignore"):
                x, *_ = tree.pack_as(*self._batch)
                self(x, training=True)
        finally:
            for layer in layers:
                del vars(layer)["call"]
        return found[0] if found else None

    def profile_step(
        self, x: Any, y: Any = None, sample_weight: Any = None, seconds: float = 0.3
    ) -> Any:
        """Where the time of a training step goes, call by call; prints as a table.

        The step runs on one batch for about so many seconds; weights and state are left as they
        were. `.rows` are the lines with their layers and times, `.by("place")` and `.by("op")` add
        them up, `.total` is the time of a whole step in microseconds.

        Raises ValueError on another backend than NumPy, or for a step that cannot be recorded.
        """
        step, batch = self._step_and_batch(x, y, sample_weight, "profile_step")
        with registry.use_backend(self.backend):
            return step.profile(batch, seconds)

    def _step_and_batch(self, x: Any, y: Any, w: Any, what: str) -> tuple[Any, list[Any]]:
        self._require_compiled(what)
        with registry.use_backend(self.backend) as backend:
            parts = self._ready(*inputs.as_data(x, y, w))
            self._build_optimizer()
            batch = [None if a is None else backend.tensor(a) for a in tree.flatten(parts)]
            step = self._program("train", parts)
            step = step.recorder() if isinstance(step, Program) else step
        if not hasattr(step, "listing"):
            raise ValueError(
                f'{what} shows the step of the backend "numpy"; this model is on '
                f'"{self.backend.name}". Move it: model.to("numpy").'
            )
        return step, batch


def _parts(model: Any) -> Iterator[Layer]:
    """The layers of a model, of those that are models their layers instead."""
    for layer in model.layers:
        if hasattr(layer, "compile"):
            yield from _parts(layer)
        else:
            yield layer


def _watched(layer: Layer, call: Callable[..., Any], found: list[Layer]) -> Callable[..., Any]:
    def watched(*args: Any, **kwargs: Any) -> Any:
        outputs = call(*args, **kwargs)
        tensors = tree.flatten(outputs)
        if any(not_finite(registry.active().numpy(y)) is not None for y in tensors):
            found.append(layer)
        return outputs

    return watched
