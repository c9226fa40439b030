"""Primitives that solve and factor matrices: the last two axes, the others a batch."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor, linalg


def _lu(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    lu, pivots = linalg.lu_factor(x)
    rows, _, _ = torch.lu_unpack(lu.detach(), pivots, unpack_data=False)
    return lu, pivots - 1, torch.argmax(rows, -2)


def _refusing(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule whose errors about singular matrices are NumPy's."""

    @wraps(rule)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return rule(*args, **kwargs)
        except linalg.LinAlgError as error:
            raise np.linalg.LinAlgError(str(error).splitlines()[0]) from None

    return call


_RULES = {
    "solve": linalg.solve,
    "cholesky": linalg.cholesky,
    "slogdet": lambda x: tuple(linalg.slogdet(x)),
    "eigh": lambda x: tuple(linalg.eigh(x)),
    "qr": lambda x, mode: tuple(linalg.qr(x, mode)),
    "svd": lambda x, full: tuple(linalg.svd(x, full_matrices=full)),
    "lu": _lu,
}
RULES = {name: _refusing(rule) for name, rule in _RULES.items()}
