"""What a layer adds to the loss: penalties of what it computed, and of its weights."""

from collections.abc import Callable
from functools import partial
from typing import Any

from deepbasics.layers import scope


class Penalties:
    """The part of a layer that adds to the loss."""

    _called_losses: list[Any]
    _loss_functions: tuple[Callable[[], Any], ...] = ()

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the loss of the call in progress; or a function, which is called in each
        step and gives one: of weights, since it takes nothing.

        >>> from deepbasics import ops
        >>> from deepbasics.layers import Dense
        >>> layer = Dense(1, kernel_initializer="ones")
        >>> layer.add_loss(lambda: ops.sum(layer.kernel))
        >>> layer.build((None, 3))
        >>> float(layer.losses[0])
        3.0

        Raises ValueError for a tensor where no call is in progress: nothing would compute it again.
        """
        call = scope.current()
        if callable(loss):
            self._loss_functions = (*self._loss_functions, loss)
        elif call is None:
            raise ValueError(
                f"add_loss takes a tensor within call() alone, which computes it in each step; "
                f"{self.name!r} is not being called. Pass a function that computes it."
            )
        else:
            call.losses.append(loss)

    def loss_functions(self) -> list[Callable[[], Any]]:
        """What computes the penalties that depend on weights alone, those of sublayers too."""
        weights = (v for v in self.trainable_weights if v.regularizer is not None)
        return [*(partial(v.regularizer, v) for v in weights), *dict.fromkeys(self._functions())]

    def _functions(self) -> list[Callable[[], Any]]:
        return [*self._loss_functions, *(f for s in self.sublayers() for f in s._functions())]

    @property
    def losses(self) -> list[Any]:
        """What the call in progress, or else the last one, added; the penalties of the weights."""
        call = scope.current()
        called = self._called_losses if call is None else call.losses
        return [*called, *(function() for function in self.loss_functions())]
