"""The progress bar: what `fit`, `evaluate` and `predict` print while they run."""

import os
import shutil
import sys
from collections.abc import Iterable
from time import perf_counter
from typing import TextIO

BOLD, GREEN, GREY, PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"
NEVER = float("inf")


class Progbar:
    """A line that says how far a loop has come, how long a step takes, and its metrics.

    On a terminal or in a notebook the line is redrawn in place; elsewhere (a file, a pipe) it is
    printed once, when the loop has ended. Colours appear on a terminal alone, and not where the
    environment variable `NO_COLOR` is set.

    Args:
        target: steps in the loop; `None` when unknown.
        width: cells of the bar.
        verbose: 0 prints nothing, 1 redraws a bar, 2 prints one plain line at the end.
        interval: least seconds between two redraws.
        stateful_metrics: names shown as given; every other one is averaged over the steps.
        stateless_metrics: the reverse: names to average; every other one is shown as given.
        unit_name: what a step is called.
        stream: where to write; by default `sys.stdout` as it is when the bar is made.

    A value is averaged with the steps since the update before as its weight. The last update shows
    its own values: a loop closes with the figures of the whole epoch.

    A fast loop asks `due()` first, which costs a fraction of a microsecond, and reads its metrics
    only then:

        for step in range(steps):
            ...
            if bar.due():
                bar.update(step + 1, read_metrics())
        bar.update(steps, read_metrics())
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
        stream: TextIO | None = None,
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Progbar takes stateful_metrics or stateless_metrics, not both.")
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stream = sys.stdout if stream is None else stream
        self._shown_as_given = None if stateful_metrics is None else set(stateful_metrics)
        self._averaged = None if stateless_metrics is None else set(stateless_metrics)
        self._on_terminal = _is_terminal(self.stream)
        self._redraws = verbose == 1 and (self._on_terminal or _is_notebook())
        self._colours = self._on_terminal and not os.environ.get("NO_COLOR")
        self._cell = "━" if _can_write(self.stream, "━") else "="
        self._seen = 0
        self._sums: dict[str, tuple[object, int]] = {}
        self._drawn_length = 0
        self._start = perf_counter()
        self._after_first_step: float | None = None
        self._next_draw = self._start if verbose in (1, 2) else NEVER

    def due(self) -> bool:
        """Whether an `update` now would draw, or time the first step; cheap in any loop."""
        return perf_counter() >= self._next_draw

    def add(self, n: int, values: Iterable[tuple[str, float]] | None = None) -> None:
        """`update`, `n` steps further on."""
        self.update(self._seen + n, values)

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, float]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Takes in `(name, value)` pairs at step `current` (1-based) and redraws if it is time.

        `finalize` says that this is the last update; by default it is when `current` has reached
        the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._take(current, values or (), finalize)
        now = perf_counter()
        step_time = self._step_time(current, now)
        if self.verbose not in (1, 2) or (not finalize and now < self._next_draw):
            return
        self._next_draw = now + self.interval if self._redraws else NEVER
        if finalize or self._redraws:
            self._draw(current, now, step_time, finalize)

    def _take(self, current: int, values: Iterable[tuple[str, float]], finalize: bool) -> None:
        steps = max(current - self._seen, 1)
        for name, value in values:
            if finalize or not self._is_averaged(name):
                self._sums[name] = (value, 1)
            else:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + value * steps, count + steps)
        self._seen = current

    def _is_averaged(self, name: str) -> bool:
        if self._averaged is not None:
            return name in self._averaged
        return name not in (self._shown_as_given or ())

    def _step_time(self, current: int, now: float) -> float:
        """Seconds per step; the first one, which builds and records, is left out of the average."""
        if not current:
            return 0.0
        first, counted = self._after_first_step, current - 1
        if current == 1:
            self._after_first_step = now
        if first is None or not counted:
            return (now - self._start) / current
        return (now - first) / counted

    def _draw(self, current: int, now: float, step_time: float, finalize: bool) -> None:
        known = self.target is not None and self.target > 0
        if self.verbose == 2 and not known:
            return
        elapsed = f"{now - self._start:.0f}s"
        pace = f"{_step_time_text(step_time)}/{self.unit_name}"
        metrics = "".join(f" - {name}: {self._shown(name)}" for name in self._sums)
        if self.verbose == 2:
            self._write(f"{self._count(current)} - {elapsed} - {pace}{metrics}\n")
            return
        clock = elapsed if finalize or not known else _eta(step_time * (self.target - current))
        done = int(self.width * current / self.target) if known else 0
        line = "".join(
            [
                self._paint(BOLD, self._count(current)) if known else f"{current:7d}/Unknown",
                f" {self._paint(GREEN, self._cell * done)}" if known else "",
                self._paint(GREY, self._cell * (self.width - done)) if known else "",
                f" {self._paint(BOLD, clock)} {pace}{metrics}",
            ]
        )
        self._write(self._in_place(line, finalize) + ("\n" if finalize else ""))

    def _count(self, current: int) -> str:
        return f"{current:{len(str(self.target))}d}/{self.target}"

    def _shown(self, name: str) -> str:
        total, count = self._sums[name]
        try:
            value = float(total) / count
        except (TypeError, ValueError):
            return str(total)
        return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colours and text else text

    def _in_place(self, line: str, finalize: bool) -> str:
        """The line over the one drawn before: back to its start, and blanks over what is left."""
        if not self._redraws:
            return line
        plain = line
        for code in (BOLD, GREEN, GREY, PLAIN):
            plain = plain.replace(code, "")
        if self._on_terminal and not finalize:
            columns = shutil.get_terminal_size().columns - 1
            if len(plain) > columns:  # a wrapped line could not be drawn over again
                line = plain = plain[:columns]
        blanks = " " * max(self._drawn_length - len(plain), 0)
        self._drawn_length = len(plain)
        return f"\r{line}{blanks}"

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _eta(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    if seconds > 3600:
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{int(seconds) // 60}:{rest % 60:02d}" if seconds > 60 else f"{int(seconds)}s"


def _step_time_text(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _is_terminal(stream: TextIO) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())


def _is_notebook() -> bool:
    return "ipykernel" in sys.modules


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
