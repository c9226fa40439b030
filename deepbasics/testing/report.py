"""All levels of the agreement contract in one run: how many rows, and the worst difference."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepbasics.testing import cases, checks, levels
from deepbasics.testing.tolerances import TOLERANCES

DTYPES = ("float64", "float32")
SEEDS = range(3)
# Levels with the limits of another. Gradients of exact ops have those of the op they sum by.
KINDS = {"loss": "layer", "metric": "layer", "gradient, exact": ""}


@dataclass
class Line:
    """What was found at one level in one dtype."""

    cases: set[str] = field(default_factory=set)
    worst: float = 0.0
    where: str = ""
    failures: list[str] = field(default_factory=list)

    def take(self, name: str, difference: float) -> None:
        """A row that agrees, with its difference."""
        self.cases.add(name)
        if difference > self.worst:
            self.worst, self.where = difference, name


def _of_ops(backend: str, dtype: str) -> Iterator[tuple[str, Any, Callable[[], Any]]]:
    """(level, row, check) of primitives and public ops."""
    for case in (*cases.PRIMITIVES, *cases.DERIVED):
        for seed in SEEDS:
            yield case.kind, case, lambda c=case, s=seed: checks.check_forward(c, backend, dtype, s)
            yield (
                f"gradient, {case.kind}",
                case,
                lambda c=case, s=seed: checks.check_vjp(c, backend, dtype, s),
            )
    for case in cases.with_edges():
        yield "edge values", case, lambda c=case: checks.check_edges(c, backend, dtype)
        yield "edge gradients", case, lambda c=case: checks.check_edge_gradients(c, backend, dtype)


def _above_ops(backend: str, dtype: str) -> Iterator[tuple[str, Any, Callable[[], Any]]]:
    """(level, row, check) of losses, metrics, layers, steps and runs."""
    for case in cases.LOSSES:
        yield "loss", case, lambda c=case: checks.check_forward(c, backend, dtype)
        yield "loss", case, lambda c=case: checks.check_vjp(c, backend, dtype)
    for case in cases.METRICS:
        yield "metric", case, lambda c=case: checks.check_forward(c, backend, dtype)
    for case in cases.LAYERS:
        for training in (False, True):
            yield (
                "layer",
                case,
                lambda c=case, t=training: levels.check_layer(c, backend, dtype, t),
            )
    for case in cases.OPTIMIZERS:
        yield "step", case, lambda c=case: levels.check_step(c, backend, dtype)
    for case in cases.NETS:
        yield "run", case, lambda c=case: levels.check_run(c, backend, dtype)


def measure(backend: str) -> dict[tuple[str, str], Line]:
    """Every check of every row: a line for each level and dtype."""
    found: dict[tuple[str, str], Line] = defaultdict(Line)
    with np.errstate(all="ignore"):
        for dtype in DTYPES:
            for level, case, check in (*_of_ops(backend, dtype), *_above_ops(backend, dtype)):
                try:
                    result = check()
                except Exception as error:  # a backend that raises has failed, like one that errs
                    line = found[level, dtype]
                    line.cases.add(str(case))
                    line.failures.append(f"{type(error).__name__}: {error}")
                    continue
                results = result if isinstance(result, dict) else {level: result}
                for name, difference in results.items():
                    found[name, dtype].take(str(case), difference)
    return dict(found)


def table(found: dict[tuple[str, str], Line]) -> str:
    """The lines as text, with limits where one number holds for the level."""
    head = f"{'level':24} {'dtype':8} {'rows':>5} {'failed':>6} {'worst':>10} {'limit':>14}  where"
    rows = [head]
    for (level, dtype), line in sorted(found.items()):
        kind = KINDS.get(level, level.removeprefix("gradient, "))
        tolerance = TOLERANCES.get(kind, {}).get(dtype)
        limit = f"{tolerance.limit:.3g} {tolerance.unit}" if tolerance else ""
        rows.append(
            f"{level:24} {dtype:8} {len(line.cases):5} {len(line.failures):6} {line.worst:10.2e} "
            f"{limit:>14}  {line.where}"
        )
    failures = [failure for line in found.values() for failure in line.failures]
    return "\n".join([*rows, *failures])
