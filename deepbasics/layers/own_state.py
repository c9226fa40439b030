"""What a layer writes to a file beside its config, and reads again; a class may do it its own way.

A class with more than weights, such as a vocabulary, also defines `save_assets(folder)`, which
writes files to an empty folder, and `load_assets(folder)`, which reads them.
"""

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from deepbasics.variables import Variable


class OwnState:
    """The part of a layer that files ask for its own weights, those of sublayers left out."""

    def own_variables(self) -> list[Variable]:
        """The weights of the layer itself, trainable ones first."""
        trainable, others = self._own()
        return [*trainable, *others]

    def save_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """Put the weights into `store`, under the keys "0", "1", and so on."""
        for i, variable in enumerate(self.own_variables()):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Set the weights to those in `store`. ValueError, and no change, for other shapes."""
        variables = self.own_variables()
        wanted = {str(i): v.shape for i, v in enumerate(variables)}
        given = {key: np.shape(value) for key, value in store.items()}
        if given != wanted:
            raise ValueError(f"{self!r} has weights of shapes {wanted}; it was given {given}.")
        for i, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(i)]).astype(variable.dtype))


def does_it_its_own_way(holder: object) -> bool:
    """Whether a class has written one of the two methods anew."""
    return any(
        getattr(type(holder), name, method) is not method
        for name, method in vars(OwnState).items()
        if name.endswith("_own_variables")
    )
