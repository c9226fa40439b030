"""A step that is recorded at its first call and replayed at the later ones."""

import warnings
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import torch

from deepbasics.backends.torch.replay import record
from deepbasics.backends.torch.replay.fused import Fused
from deepbasics.backends.torch.replay.graphs import on_cuda
from deepbasics.backends.torch.replay.plan import Plan, plan
from deepbasics.backends.torch.replay.program import function

PROGRAMS = 16  # of a step: each has buffers of its own
RECENT = 8


class Step:
    """A function over tensors, recorded once for each signature (shapes, dtypes) of its tensors.

    The first call of a signature runs the function as it is; the second also writes down what torch
    did, and makes a program of that, so that what is called once costs nothing more. Of many
    signatures (sentences of any length) those that come again soon have programs, the newest
    PROGRAMS of them. With `eager`, and where the function did something that a replay would not do
    again, every call runs the function.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        tensor: Callable[[Any], torch.Tensor],
        eager: bool = False,
        compiled: bool = False,
    ) -> None:
        self.fn, self.tensor, self.eager, self.compiled = fn, tensor, eager, compiled
        self._seen: deque[Any] = deque(maxlen=RECENT)  # the last signatures without a program
        self._programs: dict[Any, Callable[..., Any]] = {}
        self._one_at_a_time = Lock()  # calls from several threads would share the buffers

    def __call__(self, *tensors: Any) -> Any:
        try:
            signature = tuple(
                [None if t is None else (t.shape, t.dtype, t.stride()) for t in tensors]
            )
        except AttributeError:  # arrays that are no tensors yet
            return self(*(t if t is None else self.tensor(t) for t in tensors))
        program = self._programs.get(signature)
        if program is not None:
            with self._one_at_a_time:
                return program(*[t for t in tensors if t is not None])
        if signature in self._seen and not self.eager and record.active() is None:
            return self._record(tensors, signature)
        if signature not in self._seen:
            self._seen.append(signature)
        with torch.no_grad():
            return self.fn(*tensors)

    def ready(self, tensors: Sequence[Any]) -> Callable[..., Any]:
        """What to call for these tensors, now and when their values have changed."""
        return self

    def _record(self, tensors: Sequence[Any], signature: Any) -> Any:
        result, recording = record.record(self.fn, tensors, portable=self.compiled)
        if recording.obstacle is None:
            with self._one_at_a_time:
                if len(self._programs) >= PROGRAMS:
                    del self._programs[next(iter(self._programs))]
                self._programs[signature] = self._program(plan(recording))
        else:
            self.eager = True
            warnings.warn(
                f"This step runs eagerly, more slowly: {recording.obstacle}.", stacklevel=4
            )
        return result

    def _program(self, made: Plan) -> Callable[..., Any]:
        program: Callable[..., Any] = function(made)
        if self.compiled:
            program = Fused(function(made, bare=True), program)
        device = _cuda_device(made)
        if device is None or any(call.host for call in made.calls):  # which a graph cannot hold
            return program
        return on_cuda(program, device)


def _cuda_device(made: Plan) -> torch.device | None:
    """The CUDA device where a step runs."""
    devices = (t.form.device for t in made.tensors)
    return next((device for device in devices if device.type == "cuda"), None)
