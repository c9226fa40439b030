"""Samples made into medians, ratios and Markdown."""

from statistics import median, quantiles
from typing import Any

from benchmarks.columns import COLUMNS
from benchmarks.rows import ROWS

BASES = {"by-hand": "NumPy by hand", "torch": "the plain PyTorch loop"}


def summarise(samples: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each row and column its median, quartiles and samples, or why there are none."""
    return {
        row: {c: _cell(values) for c, values in cells.items()} for row, cells in samples.items()
    }


def _cell(values: list[float] | str) -> dict[str, Any]:
    if isinstance(values, str):
        return {"missing": values}
    low, _, high = quantiles(values, n=4) if len(values) > 1 else values * 3
    rounded = [float(f"{value:.5g}") for value in values]
    return {"median": median(values), "low": low, "high": high, "samples": rounded}


def markdown(result: dict[str, Any]) -> str:
    """The whole report."""
    rows = result["rows"]
    columns = [c for c in COLUMNS if any(c in cells for cells in rows.values())]
    parts = [
        "# Benchmarks\n",
        _facts(result),
        "## Medians\n\nThe unit is in the first column. Empty: see the end.\n",
        _grid(rows, columns, lambda cells, c: _median(cells, c)),
    ]
    for base, name in BASES.items():
        if base in columns:
            parts.append(f"## Ratios to {name}\n\nBelow 1 is faster (or smaller) than {name}.\n")
            parts.append(_grid(rows, columns, lambda cells, c, b=base: ratio(cells, c, b)))
    parts += ["## Spread\n\nMedian, and the quartiles of the rounds.\n", _spread(rows, columns)]
    parts.append(_reasons(rows))
    return "\n".join(part for part in parts if part)


def _median(cells: dict[str, Any], column: str) -> float | None:
    return cells.get(column, {}).get("median")


def ratio(cells: dict[str, Any], column: str, base: str) -> float | None:
    """A column's median over another's, if there are both."""
    over, under = _median(cells, column), _median(cells, base)
    return over / under if over and under else None


def number(value: float | None) -> str:
    """Short, without exponents; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _facts(result: dict[str, Any]) -> str:
    facts = result["machine"] | result["settings"]
    return "\n".join(f"- {name}: {value}" for name, value in facts.items()) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _table(head: list[str], body: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(map(_line, [head, rule, *body])) + "\n"


def _grid(rows: dict[str, Any], columns: list[str], value: Any) -> str:
    head = ["", *(COLUMNS[c].title for c in columns)]
    body = [
        [_name(row), *(number(value(cells, c)) for c in columns)] for row, cells in rows.items()
    ]
    return _table(head, body)


def _name(row: str) -> str:
    return f"**{row}**, {ROWS[row].unit}: {ROWS[row].what}"


def _spread(rows: dict[str, Any], columns: list[str]) -> str:
    head = ["", "", "median", "quartiles", *(f"÷ {name}" for name in BASES.values())]
    body = [
        [row, COLUMNS[c].title, number(cell["median"])]
        + [f"{number(cell['low'])} – {number(cell['high'])}"]
        + [number(ratio(cells, c, base)) for base in BASES]
        for row, cells in rows.items()
        for c in columns
        if "median" in (cell := cells.get(c, {}))
    ]
    return _table(head, body)


def _reasons(rows: dict[str, Any]) -> str:
    found: dict[str, list[str]] = {}
    for row, cells in rows.items():
        for column, cell in cells.items():
            if "missing" in cell:
                reason = f"{COLUMNS[column].title}: {cell['missing']}"
                found.setdefault(reason, []).append(row)
    lines = [f"- {reason} ({', '.join(where)})" for reason, where in found.items()]
    return "\n".join(["## Empty cells\n", *lines]) + "\n" if lines else ""
