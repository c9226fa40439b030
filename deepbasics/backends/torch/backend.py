"""The torch backend: tensors are `torch.Tensor`, gradients come from autograd."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from deepbasics import dtypes, tree
from deepbasics.backends.numpy.backend import as_array
from deepbasics.backends.torch import replay
from deepbasics.backends.torch.feed import feed
from deepbasics.backends.torch.rules import RULES
from deepbasics.errors import BackendUnavailable

_leaves: ContextVar["_Leaves | None"] = ContextVar("leaves", default=None)
_depth: ContextVar[int] = ContextVar("depth", default=0)


class _Leaves(dict):
    """The tensors that stand for Variables while differentiating, and those written since."""

    def __init__(self, leaves: dict[Any, torch.Tensor]) -> None:
        super().__init__(leaves)
        self.written: dict[Any, torch.Tensor] = {}


class TorchBackend:
    """Runs on PyTorch: "cpu", "cuda", "cuda:1", "mps"."""

    name = "torch"
    rules = RULES

    def __init__(self, device: str | None = None) -> None:
        self._torch_device = _checked_device(device or "cpu")
        self.device = str(self._torch_device)

    def __repr__(self) -> str:
        return f"<backend torch on {self.device}>"

    @staticmethod
    def devices() -> list[str]:
        """The CPU, then each GPU."""
        return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]

    def apply(self, op: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a primitive's rule."""
        return RULES[op](*args, **kwargs)

    def tensor(self, value: Any, dtype: str | None = None) -> torch.Tensor:
        """A tensor on this device, cast to `dtype` if it differs."""
        if not isinstance(value, torch.Tensor):
            value = self._on_host(value)
        wanted = value.dtype if dtype is None else getattr(torch, dtype)
        if value.dtype is wanted and value.device == self._torch_device:
            return value
        return value.to(device=self._torch_device, dtype=wanted)

    @staticmethod
    def _on_host(value: Any) -> torch.Tensor:
        """A tensor in the memory of an array, where torch can have it so."""
        array = as_array(value)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if not array.flags.writeable or any(s < 0 for s in array.strides):
            array = array.copy()
        return torch.from_numpy(np.asarray(array))

    def numpy(self, tensor: Any) -> np.ndarray:
        """The value on the host."""
        if not isinstance(tensor, torch.Tensor):
            return as_array(tensor)
        self.unrecordable("it looks at the values of a tensor")
        tensor = tensor.float() if tensor.dtype is torch.bfloat16 else tensor
        return tensor.numpy(force=True)  # from a device, a graph, or the zeros that autograd saves

    def is_tensor(self, value: Any) -> bool:
        """Whether it is a torch tensor."""
        return isinstance(value, torch.Tensor)

    def dtype(self, tensor: torch.Tensor) -> str:
        """The name of the tensor's dtype."""
        return dtypes.name(tensor.dtype)

    def allocate(self, value: np.ndarray, dtype: str) -> torch.Tensor:
        """A contiguous copy on the device."""
        return self.tensor(np.array(value, order="C"), dtype).clone()

    def view(self, data: torch.Tensor, offset: int, shape: tuple[int, ...]) -> torch.Tensor:
        """A view of a flat tensor."""
        return data[offset : offset + math.prod(shape)].view(shape)

    def read(self, variable: Any) -> torch.Tensor:
        """The storage, or the leaf that stands for it while it is being differentiated."""
        leaves = _leaves.get()
        return variable.data if leaves is None else leaves.get(variable, variable.data)

    def write(self, variable: Any, value: torch.Tensor) -> None:
        """Copy into the storage; while differentiating only at the end: autograd needs the old."""
        leaves = _leaves.get()
        if leaves is None:
            with torch.no_grad():
                variable.data.copy_(value)
        else:
            leaves[variable] = leaves.written[variable] = value

    def gradients(
        self, fn: Callable[[], tuple[Any, Any]], variables: Sequence[Any]
    ) -> tuple[Any, Any, list[Any]]:
        """See `protocol.Backend`."""
        leaves = self._fresh([self.read(v) for v in variables])
        with self._standing(dict(zip(variables, leaves, strict=True))):
            return self._grad(fn, leaves)

    def differentiate(
        self,
        fn: Callable[..., tuple[Any, Any]],
        args: Sequence[Any],
        cotangent: Any = None,
        variables: Mapping[Any, int] = {},
    ) -> tuple[Any, Any, list[Any]]:
        """See `protocol.Backend`."""
        leaves = self._fresh(args)
        with self._standing({v: leaves[i] for v, i in variables.items()}):
            output, aux, grads = self._grad(lambda: fn(*leaves), leaves, cotangent)
        grads = [
            torch.zeros_like(a) if g is None else g for a, g in zip(leaves, grads, strict=True)
        ]
        return output, aux, grads

    @staticmethod
    def _fresh(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        """The tensors as leaves that nothing has been computed from."""
        nested = _depth.get() > 0
        return [
            x.view_as(x) if nested and x.requires_grad else x.detach().requires_grad_(True)
            for x in tensors
        ]

    @contextmanager
    def _standing(self, leaves: dict[Any, torch.Tensor]) -> Iterator[None]:
        """For the block, a leaf is what each Variable holds; writes happen when it has ended."""
        outer = _leaves.get()
        inner = _Leaves((outer or {}) | leaves)
        token = _leaves.set(inner)
        try:
            yield
        finally:
            _leaves.reset(token)
        for variable, value in inner.written.items():
            self.write(variable, value)

    def _grad(self, fn: Callable[[], Any], leaves: list[Any], cotangent: Any = None) -> Any:
        nested = _depth.get() > 0
        token = _depth.set(_depth.get() + 1)
        try:
            with torch.enable_grad(), _mixtures_explained():
                output, aux = fn()
                grads = self._vjp(output, leaves, cotangent, nested)
        finally:
            _depth.reset(token)
        return (output, aux, grads) if nested else _detached((output, aux, grads))

    def _vjp(self, output: Any, leaves: list[Any], cotangent: Any, nested: bool) -> list[Any]:
        if not isinstance(output, torch.Tensor) or not output.requires_grad or not leaves:
            return [None] * len(leaves)
        if cotangent is None and output.numel() != 1:
            raise ValueError(
                f"A gradient needs a scalar; the function returned shape {tuple(output.shape)}. "
                "Reduce it, e.g. with ops.mean or ops.sum."
            )
        return list(
            torch.autograd.grad(output, leaves, cotangent, create_graph=nested, allow_unused=True)
        )

    def step(
        self, fn: Callable[..., Any], *, eager: bool = False, compiled: bool = False
    ) -> Callable[..., Any]:
        """`fn`, run once and replayed for tensors of shapes seen before, unless `eager`; with
        `compiled` through `torch.compile`.
        """
        return replay.Step(fn, self.tensor, eager, compiled)

    def feed(self, arrays: Sequence[np.ndarray]) -> Any:
        """See `protocol.Backend`."""
        return feed([self._on_host(a) for a in arrays], self._torch_device)

    def unrecordable(self, reason: str) -> None:
        """Note the first reason why the step in progress cannot be replayed."""
        recording = replay.active()
        if recording is not None:
            recording.refuse(reason)


@contextmanager
def _mixtures_explained() -> Iterator[None]:
    """Says what to do about an array beside a tensor that is being differentiated."""
    try:
        yield
    except RuntimeError as error:
        if "on Tensor that requires grad" not in str(error):
            raise
        raise TypeError(
            "torch does not mix a NumPy array with a tensor that is being differentiated: write "
            "ops.subtract(tensor, array) for tensor - array (and so on), or convert the array with "
            "ops.convert_to_tensor first."
        ) from error


def use_tf32(allowed: bool) -> None:
    """Whether CUDA may round the factors of float32 products (torch lets cuDNN, unless told)."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def _checked_device(name: str) -> torch.device:
    """The torch device of a name. Raises BackendUnavailable if it is not there."""
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BackendUnavailable(
            f"Unknown device {name!r}. Usable here: {', '.join(TorchBackend.devices())}."
        ) from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if not torch.cuda.is_available() or (device.index or 0) >= count:
            raise BackendUnavailable(
                f"Device {name!r} is not available: torch {torch.__version__} sees {count} CUDA "
                f"devices. Usable here: {', '.join(TorchBackend.devices())}."
            )
        return torch.device("cuda", device.index or 0)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise BackendUnavailable("Device 'mps' is not available here.")
    return device


def _detached(nest: Any) -> Any:
    return tree.map(lambda x: x.detach() if isinstance(x, torch.Tensor) else x, nest)
