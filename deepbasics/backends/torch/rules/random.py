"""Random bits by counter: by NumPy on the CPU, on the device elsewhere; the same bits."""

import torch
from torch import Tensor

from deepbasics.backends.torch import philox
from deepbasics.philox import bits32_kernel, mask_kernel


def _bits32(counter: Tensor, key: tuple[int, int], shape: tuple[int, ...]) -> Tensor:
    if counter.device.type == "cpu":
        bits = bits32_kernel(int(counter), key, shape)
        return torch.from_numpy(bits.astype("int64"))
    return philox.bits32(counter, key, shape, counter.device)


def _mask(counter: Tensor, key: tuple[int, int], threshold: int, shape: tuple[int, ...]) -> Tensor:
    if counter.device.type == "cpu":
        return torch.from_numpy(mask_kernel(int(counter), key, threshold, shape))
    return philox.bits32(counter, key, shape, counter.device) >= threshold


RULES = {"random_bits32": _bits32, "random_mask": _mask}
