"""Random bits by counter: by NumPy on the CPU, on the device elsewhere; the same bits."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from torch import Tensor

from deepbasics.backends.torch import philox
from deepbasics.backends.torch.replay.record import compiling, on_host
from deepbasics.host_families import RECORDED
from deepbasics.philox import bits32_kernel, mask_kernel


def _drawn_bits32(counter: Tensor, key: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
    if counter.device.type == "cpu":
        return torch.from_numpy(bits32_kernel(int(counter), key, shape).astype("int64"))
    return philox.bits32(counter, key, shape, counter.device)


def _drawn_mask(
    counter: Tensor, key: tuple[int, int], threshold: int, shape: tuple[int, ...]
) -> Tensor:
    if counter.device.type == "cpu":
        return torch.from_numpy(mask_kernel(int(counter), key, threshold, shape))
    return philox.bits32(counter, key, shape, counter.device) >= threshold


def _drawn(
    counter: Tensor,
    draw: str,
    key: tuple[int, int],
    shape: tuple[int, ...],
    arguments: tuple[float, ...],
    dtype: str,
) -> Tensor:
    array = RECORDED[draw](key, int(counter), shape, *arguments, dtype)
    return torch.from_numpy(array).to(counter.device)


def _host_draw(counter: Tensor, **settings: Any) -> Tensor:
    """A draw by NumPy wherever the counter is: its arithmetic gives the same bits everywhere."""
    return on_host(_drawn, counter, *signature(_drawn).bind(counter, **settings).args[1:])


def _draw(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """One call where it looks at the counter; and for a compiler, which got the bits wrong."""

    def drawn(counter: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        settings = signature(function).bind(counter, *args, **kwargs).args[1:]
        if counter.device.type == "cpu" or compiling():
            return on_host(function, counter, *settings)
        return function(counter, *settings)

    return drawn


RULES = {
    "random_bits32": _draw(_drawn_bits32),
    "random_mask": _draw(_drawn_mask),
    "random_draw": _host_draw,
}
