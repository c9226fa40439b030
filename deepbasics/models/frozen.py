"""Which layers a model trains, where models share them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class Flags:
    """What `trainable` said of a model's layers when it was compiled.

    A change of `trainable` counts from the next step on. But once another model has been compiled
    with a layer, the change was meant for that one, and this model keeps to what the layer said
    before. So a discriminator that is compiled, then frozen, and then part of a GAN that is
    compiled, learns from its own batches and stands still in those of the GAN.
    """

    _latest = 0  # every compilation has a number

    def __init__(self, layers: Sequence[Any]) -> None:
        Flags._latest += 1
        self._number = Flags._latest
        self._said = [(layer, layer.trainable) for layer in layers]
        for layer in layers:
            layer._compilation = self._number

    @contextmanager
    def standing(self) -> Iterator[None]:
        """For the block, layers are trainable as they are for this model."""
        swapped = []
        if self._number != Flags._latest:
            for layer, said in self._said:
                if layer._compilation != self._number and layer.trainable is not said:
                    swapped.append(layer)
                    layer._trainable = said
        try:
            yield
        finally:
            for layer in swapped:
                layer._trainable = not layer._trainable
