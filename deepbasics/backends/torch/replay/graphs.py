"""On CUDA a program is captured once in a CUDA graph, so that a replay is one launch.

A capture runs nothing. The calls before it run on a stream beside the current one, which is how
torch's libraries get the workspaces that they must not make during a capture.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from deepbasics import tree

WARM_UPS = 2

Program = Callable[..., Any]
Capture = Callable[[Program, Sequence[torch.Tensor]], tuple[Callable[[], None], Any]]


class Graphed:
    """A program over CUDA tensors: run as it is at first, then captured and replayed.

    The inputs of each call are copied into those of the graph, and its results out of them, as the
    graph knows only memory that it has seen. Where the capture fails, it says so once and the
    program goes on as it is.
    """

    def __init__(self, program: Program, aside: Program, capture: Capture) -> None:
        self.program, self._aside, self._capture = program, aside, capture
        self._calls = 0
        self._inputs: list[torch.Tensor] = []
        self._outputs: Any = None
        self._replay: Callable[[], None] | None = None

    def __call__(self, *tensors: torch.Tensor) -> Any:
        if self._replay is None:
            self._calls += 1
            if self._calls <= WARM_UPS:
                return self._aside(self.program, *tensors)
            if self._calls == WARM_UPS + 1:
                self._try_to_capture(tensors)
            if self._replay is None:
                return self.program(*tensors)
        if self._inputs:
            torch._foreach_copy_(self._inputs, tensors)
        self._replay()
        return tree.map(_copy, self._outputs)

    def _try_to_capture(self, tensors: Sequence[torch.Tensor]) -> None:
        self._inputs = [t.clone() for t in tensors]
        try:
            self._replay, self._outputs = self._capture(self.program, self._inputs)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:160]
            warnings.warn(f"This step is launched call by call, and slower: {reason}", stacklevel=5)


def _copy(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf


def on_cuda(program: Program, device: torch.device) -> Graphed:
    """A program over tensors of a CUDA device as that runs it fastest."""
    return Graphed(program, partial(_beside, device), partial(_captured, device))


def _beside(device: torch.device, program: Program, *tensors: torch.Tensor) -> Any:
    """Run on a stream of its own, between what came before on the current one and what follows."""
    with torch.cuda.device(device):
        current, other = torch.cuda.current_stream(), torch.cuda.Stream()
        other.wait_stream(current)
        with torch.cuda.stream(other):
            result = program(*tensors)
        current.wait_stream(other)
    return result


def _captured(
    device: torch.device, program: Program, inputs: Sequence[torch.Tensor]
) -> tuple[Callable[[], None], Any]:
    """(what replays the program on these inputs, its outputs); other threads may use CUDA."""
    graph = torch.cuda.CUDAGraph()
    with (
        torch.cuda.device(device),
        torch.cuda.graph(graph, capture_error_mode="thread_local"),
    ):
        outputs = program(*inputs)
    return graph.replay, outputs
