"""Where the time of a step goes, call by call."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepbasics.backends.numpy.replay.plan import Plan
from deepbasics.backends.numpy.replay.program import function


@dataclass(frozen=True)
class Row:
    """One line of a step: whose call it is, which primitive, and its median time."""

    place: str
    op: str
    microseconds: float
    line: str


class Profile:
    """The lines of a step with their times; prints as a table, the most expensive first.

    `rows` are in the order of the step; `total` is the median time of the whole step without
    clocks, in microseconds.
    """

    def __init__(self, rows: list[Row], total: float) -> None:
        self.rows, self.total = rows, total

    def by(self, key: str) -> dict[str, float]:
        """Microseconds by "place" (a layer, d_ in front for its gradient) or "op"."""
        found: dict[str, float] = {}
        for row in self.rows:
            name = getattr(row, key)
            found[name] = found.get(name, 0.0) + row.microseconds
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def __str__(self) -> str:
        inside = sum(row.microseconds for row in self.rows) or 1.0
        lines = [f"{self.total:.1f} µs a step, {len(self.rows)} calls", ""]
        lines.append(f"{'µs':>9}  {'share':>6}  {'where':<20} call")
        for row in sorted(self.rows, key=lambda row: -row.microseconds):
            share = row.microseconds / inside
            lines.append(f"{row.microseconds:9.2f}  {share:6.1%}  {row.place:<20} {row.line}")
        return "\n".join(lines)


def profile(plan: Plan, batch: Sequence[Any], seconds: float = 0.3) -> Profile:
    """Time each line over repeated steps on one batch; the Variables are as before at the end."""
    held = [variable.data for variable in plan.variables.values()]
    before = [array.copy() for array in held]
    marks: list[float] = []
    mark, texts = "_mark(_clock())", [line.text for line in plan.lines]
    lines = [mark, *(part for text in texts for part in (text, mark)), mark]
    clocked = function(plan, lines, _mark=marks.append, _clock=time.perf_counter)
    try:
        total = np.median(list(_repeated(function(plan), batch, seconds / 2)))
        rows = []
        for _ in _repeated(clocked, batch, seconds):
            rows.append(np.diff(marks[-len(texts) - 2 :]))
            marks.clear()
    finally:
        for array, value in zip(held, before, strict=True):
            np.copyto(array, value)
    times = np.median(rows, axis=0) * 1e6
    times = np.maximum(times[:-1] - times[-1], 0.0)  # the last one is that of the clock alone
    calls = [line.call for line in plan.lines]
    names = [(c.place, c.op) if c is not None else ("", "") for c in calls]
    table = zip(names, times.tolist(), texts, strict=True)
    return Profile([Row(*name, t, text) for name, t, text in table], float(total) * 1e6)


def _repeated(step: Callable[..., Any], batch: Sequence[Any], seconds: float) -> Iterator[float]:
    """The time of each of many runs, in seconds; after some to warm up."""
    step(*batch)
    until = time.perf_counter() + seconds
    count = 0
    while count < 5 or time.perf_counter() < until:
        start = time.perf_counter()
        step(*batch)
        yield time.perf_counter() - start
        count += 1
