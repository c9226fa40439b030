"""The rounds: in each, every column does its share of every row, one after the other."""

import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.pool import Worker, import_time
from benchmarks.rows import ROWS

FLOORS = ("products", "traffic")
Samples = dict[str, dict[str, Any]]  # by row, by column: a list of numbers, or why there is none


class Plan(NamedTuple):
    """What to run, and for how long."""

    rows: Sequence[str]
    columns: Sequence[str]
    repeats: int
    seconds: float
    device: str
    threads: int


def run(plan: Plan) -> Samples:
    """Samples of every cell."""
    found: Samples = {row: {} for row in plan.rows}
    by_net = sorted(plan.rows, key=lambda row: ROWS[row].net)
    for net, group in groupby(by_net, key=lambda row: ROWS[row].net):
        rows = list(group)
        print(f"{', '.join(rows)} ...", file=sys.stderr, flush=True)
        cells = _network(plan, net, rows) if net else _imports(plan)
        start = perf_counter()
        for row, column, value in cells:
            _keep(found[row], column, value)
        print(f"  {perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return found


def _keep(cells: dict[str, Any], column: str, value: float | str) -> None:
    if isinstance(value, str) or isinstance(cells.get(column), str):
        cells[column] = value if isinstance(value, str) else cells[column]
    else:
        cells.setdefault(column, []).append(value)


def _turns(plan: Plan, items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The items of each round, which begins with another one each time."""
    for turn in range(plan.repeats):
        start = turn * max(1, len(items) // plan.repeats) % len(items)
        yield [*items[start:], *items[:start]]


def _network(plan: Plan, net: str, rows: list[str]) -> Iterator[tuple[str, str, float | str]]:
    workers = [
        Worker(net, column, plan.seconds, plan.device, plan.threads) for column in plan.columns
    ]
    try:
        for worker in workers:  # they start and compile together, and are timed one by one
            worker.wait()
        for row in rows:
            asked = [w for w in workers if ROWS[row].task == "train" or w.column not in FLOORS]
            for turn in _turns(plan, asked):
                for worker in turn:
                    yield row, worker.column, worker.ask(ROWS[row].task, plan.seconds)
    finally:
        for worker in workers:
            worker.close()


def _imports(plan: Plan) -> Iterator[tuple[str, str, float | str]]:
    columns = [column for column in plan.columns if column not in FLOORS]
    for column in columns:  # once to fill the caches of the disk
        import_time(column, plan.device, plan.threads)
    for turn in _turns(plan, columns):
        for column in turn:
            yield "import", column, import_time(column, plan.device, plan.threads)
