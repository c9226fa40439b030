"""One column on one network in a process of its own: times what it is told to, when it is told.

Started by `pool`, as `python -m benchmarks.worker JOB`, with JOB in JSON. It answers each line of
its input, a task and a number of seconds, with a line of JSON.
"""

import contextlib
import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter
from typing import Any

from benchmarks import work
from benchmarks.columns import COLUMNS
from benchmarks.rows import EVALUATION_BATCH, NETS


class Tasks:
    """What can be timed of a trainer: functions of a count, and what is in one of the counted."""

    def __init__(self, trainer: Any, made: work.Work) -> None:
        self._trainer, self._net = trainer, made.net
        self._row = made.x[:1]

    def get(self, task: str) -> tuple[Callable[[int], Any], int]:
        """(what to do so many times, how many units one time has)."""
        if task == "train":
            return self._trainer.train, self._net.steps
        method = getattr(self._trainer, task, None)
        if method is None:
            raise work.Missing(f"no {task} of its own")
        if task == "evaluate":
            return _repeat(method), -(-self._net.rows // EVALUATION_BATCH)
        return _repeat(lambda: method(self._row)), 1


def _repeat(call: Callable[[], Any]) -> Callable[[int], Any]:
    def run(times: int) -> None:
        for _ in range(times):
            call()

    return run


class Clock:
    """Runs a task for about so many seconds; knows from before how long one time takes."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks, self._known = tasks, {}

    def __call__(self, task: str, seconds: float) -> float:
        """Microseconds per unit."""
        run, units = self._tasks.get(task)
        if task not in self._known:
            self._warm_up(task, run, seconds)
        times = max(1, round(seconds / self._known[task]))
        elapsed = _time(run, times)
        self._known[task] = elapsed / times
        return elapsed / (times * units) * 1e6

    def _warm_up(self, task: str, run: Callable[[int], Any], seconds: float) -> None:
        """Once to compile or record, then twice as often until it lasts."""
        _time(run, 2)
        times, elapsed = 1, 0.0
        while elapsed < seconds / 2:
            elapsed = _time(run, times)
            self._known[task] = elapsed / times
            times *= 2


def _time(run: Callable[[int], Any], times: int) -> float:
    start = perf_counter()
    run(times)
    return perf_counter() - start


def peak_memory() -> float:
    """The largest resident size of this process so far, in MB.

    Linux has it in /proc; `ru_maxrss` there would count what the parent had before the exec.
    """
    try:
        with open("/proc/self/status") as status:
            line = next(line for line in status if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def answers(job: dict[str, Any]) -> Callable[[str, float], float]:
    """Build the column's trainer; returns what answers (task, seconds)."""
    column = COLUMNS[job["column"]]
    made = work.make(NETS[job["net"]], device=job["device"])
    module = import_module(f"benchmarks.columns.{column.module}")
    clock = Clock(Tasks(module.build(made, **column.options), made))
    clock("train", job["seconds"])
    peak = peak_memory()  # of training alone
    return lambda task, seconds: peak if task == "memory" else clock(task, seconds)


def main(job: dict[str, Any]) -> None:
    """Answer until the input ends."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to stderr
    with contextlib.suppress(Exception):  # told when it builds
        exec(COLUMNS[job["column"]].imports, {})
    sys.stdin.readline()
    if job["threads"] and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[: job["threads"]])

    def reply(call: Callable[[], Any]) -> bool:
        try:
            found = {"value": call()}
        except work.Missing as why:
            found = {"missing": str(why)}
        except Exception as error:
            found = {"missing": f"{type(error).__name__}: {error}"}
        print(json.dumps(found), file=replies)
        return "value" in found

    made: list[Any] = []
    if reply(lambda: made.append(answers(job))):
        for line in sys.stdin:
            task, seconds = json.loads(line)
            reply(lambda task=task, seconds=seconds: made[0](task, seconds))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
