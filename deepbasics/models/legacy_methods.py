"""Methods of models that Keras 1 and 2 had."""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from deepbasics import legacy, tree


class LegacyMethods:
    """The part of a model that scripts of Keras 1 and 2 call; `fit` and its kin do it all today."""

    @legacy.keywords("fit_generator")
    def fit_generator(
        self,
        x: Any,
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: Any = 1,
        callbacks: Any = None,
        validation_data: Any = None,
        validation_steps: int | None = None,
        class_weight: Any = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        validation_freq: Any = 1,
        samples_per_epoch: int | None = None,
        nb_val_samples: int | None = None,
    ) -> Any:
        """`fit` on a generator. `samples_per_epoch` and `nb_val_samples` count rows (Keras 1)."""
        x, steps_per_epoch = _steps(x, steps_per_epoch, samples_per_epoch)
        validation_data, validation_steps = _steps(
            validation_data, validation_steps, nb_val_samples
        )
        return self.fit(
            x,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
        )

    @legacy.keywords("evaluate_generator")
    def evaluate_generator(
        self,
        x: Any,
        steps: int | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
        val_samples: int | None = None,
    ) -> Any:
        """`evaluate` on a generator; `val_samples` counts rows (Keras 1)."""
        x, steps = _steps(x, steps, val_samples)
        return self.evaluate(x, steps=steps, callbacks=callbacks, verbose=verbose)

    @legacy.keywords("predict_generator")
    def predict_generator(
        self,
        x: Any,
        steps: int | None = None,
        callbacks: Any = None,
        verbose: Any = 0,
        val_samples: int | None = None,
    ) -> Any:
        """`predict` on a generator; `val_samples` counts rows (Keras 1)."""
        x, steps = _steps(x, steps, val_samples)
        return self.predict(x, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_classes(self, x: Any, batch_size: int = 32, verbose: Any = 0) -> np.ndarray:
        """The class ids: argmax over the last axis, or of one output whether it is over 0.5."""
        found = self.predict(x, batch_size=batch_size, verbose=verbose)
        if found.shape[-1] > 1:
            return found.argmax(axis=-1)
        return (found > 0.5).astype("int32")

    def predict_proba(self, x: Any, batch_size: int = 32, verbose: Any = 0) -> Any:
        """The outputs, as `predict` gives them."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def reset_states(self) -> None:
        """Set the states of stateful layers to zero."""
        for layer in self.all_layers():
            if hasattr(layer, "reset_states") and not isinstance(layer, LegacyMethods):
                layer.reset_states()


def _steps(data: Any, steps: int | None, samples: int | None) -> tuple[Any, int | None]:
    """(the data, steps): the number of batches that have so many rows."""
    if samples is None or steps is not None:
        return data, steps
    if isinstance(data, (tuple, list)):  # arrays: rows are what they are
        return data, None
    if isinstance(data, Iterator):
        first = next(data)
        data = chain([first], data)
    else:
        first = data[0]
    return data, math.ceil(samples / len(tree.flatten(first)[0]))
