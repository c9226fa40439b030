"""Modules of PyTorch, run on values that live elsewhere: what a layer around one needs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from deepbasics import dtypes


class Part(NamedTuple):
    """A parameter or buffer of a module."""

    name: str
    value: np.ndarray
    dtype: str
    trainable: bool
    is_buffer: bool


def parts(module: Any) -> list[Part]:
    """The parameters of a module, then its buffers.

    Raises TypeError for what is no module, ValueError for a lazy one that has not been called.
    """
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"TorchModuleWrapper goes around a torch.nn.Module; got {module!r:.100}.")
    parameters, buffers = dict(module.named_parameters()), dict(module.named_buffers())
    lazy = [name for name, p in parameters.items() if torch.nn.parameter.is_lazy(p)]
    if lazy:
        raise ValueError(
            f"TorchModuleWrapper: the parameters {', '.join(lazy)} have no shape yet: call the "
            "lazy module on data first."
        )
    return [
        Part(name, _array(tensor), dtypes.name(tensor.dtype), tensor.requires_grad, name in buffers)
        for name, tensor in (parameters | buffers).items()
    ]


def _array(tensor: torch.Tensor) -> np.ndarray:
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy(force=True)


def run(
    module: torch.nn.Module, values: Mapping[str, torch.Tensor], training: bool, *inputs: Any
) -> Any:
    """What the module makes of the inputs with these parameters and buffers, by name.

    It may write into those of `values` that are buffers.
    """
    module.train(training)
    return torch.func.functional_call(module, dict(values), inputs)


def put(module: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    """Copy values into the module's own parameters and buffers."""
    own = dict(module.named_parameters()) | dict(module.named_buffers())
    with torch.no_grad():
        for name, value in values.items():
            own[name].copy_(value)
