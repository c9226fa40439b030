"""Random bits by counter: by NumPy on the CPU, on the device elsewhere; the same bits."""

import torch
from torch import Tensor

from deepbasics.backends.torch import philox
from deepbasics.backends.torch.replay.record import compiling, on_host
from deepbasics.philox import bits32_kernel, mask_kernel


def _host_bits32(counter: Tensor, key: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(bits32_kernel(int(counter), key, shape).astype("int64"))


def _host_mask(
    counter: Tensor, key: tuple[int, int], threshold: int, shape: tuple[int, ...]
) -> Tensor:
    return torch.from_numpy(mask_kernel(int(counter), key, threshold, shape))


def _bits32(counter: Tensor, key: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
    if counter.device.type == "cpu" and not compiling():
        return on_host(_host_bits32, counter, key, shape)
    return philox.bits32(counter, key, shape, counter.device)


def _mask(counter: Tensor, key: tuple[int, int], threshold: int, shape: tuple[int, ...]) -> Tensor:
    if counter.device.type == "cpu" and not compiling():
        return on_host(_host_mask, counter, key, threshold, shape)
    return philox.bits32(counter, key, shape, counter.device) >= threshold


RULES = {"random_bits32": _bits32, "random_mask": _mask}
