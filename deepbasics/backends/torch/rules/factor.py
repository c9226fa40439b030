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


def _svd(x: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    """torch's own takes a part of the vectors' cotangents and drops the rest."""
    u, s, v = linalg.svd(x, full_matrices=full)
    if full and x.shape[-1] != x.shape[-2] and u.requires_grad:
        for vectors in (u, v):
            vectors.register_hook(_no_gradient)
    return u, s, v


def _no_gradient(g: Tensor | None) -> None:
    if g is not None and g.any():
        raise ValueError(
            "The vectors of a full SVD of an oblong matrix have no gradient; pass "
            "full_matrices=False."
        )


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
    "svd": _svd,
    "lu": _lu,
}
RULES = {name: _refusing(rule) for name, rule in _RULES.items()}
