"""A step that is recorded at its first call and replayed at the later ones."""

import warnings
from collections.abc import Callable, Sequence
from threading import Lock
from types import FunctionType
from typing import Any

import numpy as np

from deepbasics import tree
from deepbasics.backends.numpy import trace
from deepbasics.backends.numpy.replay.graph import record
from deepbasics.backends.numpy.replay.listing import listing, state
from deepbasics.backends.numpy.replay.plan import Plan, plan
from deepbasics.backends.numpy.replay.profile import Profile, profile
from deepbasics.backends.numpy.replay.program import function


class Step:
    """A function over tensors, recorded once for each signature (shapes, dtypes) of its arrays.

    The first call of a signature runs the function and keeps its graph; the second makes a program
    of that, so that what is called once is not planned for. With `eager`, and where the function
    did something that a replay would not do again, every call runs the function.
    """

    def __init__(self, fn: Callable[..., Any], eager: bool = False) -> None:
        self.fn, self.eager = fn, eager
        self._known: dict[Any, Any] = {}
        self._one_at_a_time = Lock()  # calls from several threads would share the buffers

    def __call__(self, *arrays: Any) -> Any:
        signature = _signature(arrays)
        known = self._known.get(signature)
        if type(known) is FunctionType:
            return known(*arrays)
        if known is None or trace.active() is not None:
            return self._run(arrays, signature)
        with self._one_at_a_time:
            if type(self._known[signature]) is not FunctionType:
                self._known[signature] = function(plan(known), lock=self._one_at_a_time)
        return self._known[signature](*arrays)

    def ready(self, arrays: Sequence[Any]) -> Callable[..., Any]:
        """What to call for these arrays, now and when their values have changed."""
        known = self._known.get(_signature(arrays))
        return known if type(known) is FunctionType else self

    def _run(self, arrays: Sequence[Any], signature: Any) -> Any:
        recording = not self.eager
        with trace.tracing(recording) as (current, new):
            if not new:  # a step within a step is part of that
                return self.fn(*arrays)
            leaves = [a if a is None else current.leaf(np.asarray(a), "input") for a in arrays]
            result = self.fn(*leaves)
            if recording and current.obstacle is None:
                self._known[signature] = record(current, leaves, result)
            elif recording:
                self._fall_back(current.obstacle)
            return tree.map(trace.kept, result)

    def plan(self, *arrays: Any) -> Plan:
        """The plan for a signature; nothing is written. Raises ValueError where there is none."""
        with trace.tracing(recording=True, apart=True) as (current, _):
            leaves = [a if a is None else current.leaf(np.asarray(a), "input") for a in arrays]
            graph = record(current, leaves, self.fn(*leaves))
        if current.obstacle is not None:
            raise ValueError(f"This step cannot be recorded: {current.obstacle}.")
        return plan(graph)

    def listing(self, arrays: Sequence[Any], title: str) -> tuple[str, dict[str, np.ndarray]]:
        """The step as a script, and the state that its `main` loads."""
        planned = self.plan(*arrays)
        return listing(planned, title), state(planned, arrays)

    def profile(self, arrays: Sequence[Any], seconds: float) -> Profile:
        """Where the time of a step goes; the Variables are left as they are."""
        return profile(self.plan(*arrays), arrays, seconds)

    def _fall_back(self, obstacle: str | None) -> None:
        self.eager = True
        warnings.warn(f"This step runs eagerly, more slowly: {obstacle}.", stacklevel=5)


def _signature(arrays: Sequence[Any]) -> tuple[Any, ...]:
    return tuple([None if a is None else (a.shape, a.dtype) for a in arrays])
