"""The table as a picture: a panel for each row, bars on a log scale."""

from pathlib import Path
from typing import Any

from benchmarks.columns import COLUMNS
from benchmarks.rows import ROWS
from benchmarks.table import number

COLOURS = {"deepbasics-numpy": "#1f6feb", "deepbasics-torch": "#ee4c2c", "by-hand": "#2da44e"}
FLOOR, OTHER = "#c8ccd0", "#8c959f"
WIDE = 3


def draw(result: dict[str, Any], path: Path) -> None:
    """Write the picture. Needs matplotlib."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    rows = {r: cells for r, cells in result["rows"].items() if _bars(cells)}
    high = -(-len(rows) // WIDE)
    figure = Figure(figsize=(5.2 * WIDE, 3.2 * high), layout="constrained")
    panels = figure.subplots(high, WIDE, squeeze=False).ravel()
    for panel, (row, cells) in zip(panels, rows.items(), strict=False):
        _panel(panel, row, _bars(cells))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        panel.xaxis.set_minor_formatter(NullFormatter())
    for panel in panels[len(rows) :]:
        panel.set_visible(False)
    figure.savefig(path, dpi=110)


def _bars(cells: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(column, cell) of those that were measured, in the order of the table, first on top."""
    return [(c, cells[c]) for c in reversed(COLUMNS) if "median" in cells.get(c, {})]


def _panel(panel: Any, row: str, bars: list[tuple[str, dict[str, Any]]]) -> None:
    names, medians = [COLUMNS[c].title for c, _ in bars], [cell["median"] for _, cell in bars]
    spread = [[c["median"] - c["low"] for _, c in bars], [c["high"] - c["median"] for _, c in bars]]
    panel.barh(names, medians, color=[_colour(c) for c, _ in bars], height=0.72)
    panel.errorbar(medians, names, xerr=spread, fmt="none", ecolor="#24292f", elinewidth=1)
    panel.set_xscale("log")
    panel.set_xlim(min(medians) / 3, max(cell["high"] for _, cell in bars) * 4)
    for name, value, high in zip(names, medians, spread[1], strict=True):
        panel.annotate(
            number(value), (value + high, name), (4, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    panel.set_title(f"{row}: {ROWS[row].what}", fontsize=9, loc="left")
    panel.set_xlabel(ROWS[row].unit, fontsize=8)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)


def _colour(column: str) -> str:
    return FLOOR if COLUMNS[column].module == "floor" else COLOURS.get(column, OTHER)
