"""A recorded step through `torch.compile`."""

import warnings
from collections.abc import Callable
from typing import Any

import torch


class Fused:
    """`function`, of aten calls alone, compiled; or `replayed` where the compiler fails."""

    def __init__(self, function: Callable[..., Any], replayed: Callable[..., Any]) -> None:
        self._program = torch.compile(function, fullgraph=True, dynamic=False)
        self._replayed = replayed
        self._tried = False

    def __call__(self, *tensors: torch.Tensor) -> Any:
        if self._tried:
            return self._program(*tensors)
        self._tried = True
        try:  # the call that compiles: if it fails, then before anything has been written
            return self._program(*tensors)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            warnings.warn(f"torch.compile failed, so it is not used: {reason}", stacklevel=5)
            self._program = self._replayed
            return self._replayed(*tensors)
