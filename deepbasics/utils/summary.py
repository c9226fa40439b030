"""The table that `model.summary()` prints, drawn from plain data."""

import math
import re
import shutil
from collections.abc import Sequence
from typing import NamedTuple

LAYER_COLUMNS = (0.45, 0.80, 1.0)
GRAPH_COLUMNS = (0.30, 0.56, 0.74, 1.0)
FRAME = {"top": "┏━┳┓", "head": "┡━╇┩", "rule": "├─┼┤", "end": "└─┴┘"}
HEAD_BORDER, BORDER = "┃", "│"


class Row(NamedTuple):
    """One layer. `shape` is a tuple, `None` (unknown), or a list, tuple or dict of shapes."""

    name: str
    kind: str
    shape: object
    params: int = 0
    built: bool = True
    trainable: bool | None = None  # None: it has no weights
    connected: Sequence[str] = ()  # "dense[0][0]", one per input
    depth: int = 0  # inside how many models


class Size(NamedTuple):
    """Numbers held by some weights, and the bytes they take."""

    count: int = 0
    bytes: float = 0


def summary_table(
    name: str,
    rows: Sequence[Row],
    trainable: Size,
    non_trainable: Size,
    optimizer: Size | None = None,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    show_trainable: bool = False,
    connected: bool = False,
) -> str:
    """The summary of a model as one text.

    Args:
        name: the model's name.
        rows: its layers, in order.
        trainable, non_trainable, optimizer: the totals; `optimizer` is left out until it is built,
            and then counts in the total.
        line_length: width in characters; by default 88 (108 for a graph), and 12 more with
            `show_trainable`, but not wider than the terminal less 4.
        positions: where each column ends, as fractions of the width or in characters.
        show_trainable: adds a column of Y, N, or - (no weights).
        connected: adds a column that says which layers feed each one: for models with branches.

    Raises:
        ValueError: a column would be narrower than 4 characters.
    """
    titles = ["Layer (type)", "Output Shape", "Param #"] + ["Connected to"] * connected
    align = [str.ljust, str.ljust, str.rjust] + [str.ljust] * connected
    edges = list(positions or (GRAPH_COLUMNS if connected else LAYER_COLUMNS))
    if show_trainable:
        titles.append("Trainable")
        align.append(str.center)
        edges = [edge * 0.9 for edge in edges] + [max(edges)]
    if not line_length:
        wanted = (108 if connected else 88) + 12 * show_trainable
        line_length = min(wanted, shutil.get_terminal_size().columns - 4)
    if len(edges) < len(titles):
        raise ValueError(
            f"summary got positions={positions}; the table has {len(titles)} columns, "
            f"{', '.join(titles)}: say where each ends."
        )
    widths = _column_widths(edges, line_length, len(titles))
    cells = [_cells(row, connected, show_trainable) for row in rows]
    total = [trainable, non_trainable] + [optimizer] * (optimizer is not None)
    lines = [
        f'Model: "{name}"',
        *_draw(titles, cells, widths, align),
        _total("Total", Size(*map(sum, zip(*total, strict=True)))),
        _total("Trainable", trainable),
        _total("Non-trainable", non_trainable),
    ]
    if optimizer is not None:
        lines.append(_total("Optimizer", optimizer))
    return "\n".join(lines)


def layer_slice(names: Sequence[str], layer_range: Sequence[str] | None) -> slice:
    """The layers from the first to the last match of two patterns, both included, in either order.

    >>> layer_slice(["input", "dense", "dense_1", "out"], ("dense", "dense_1"))
    slice(1, 3, None)
    """
    if layer_range is None:
        return slice(0, len(names))
    if len(layer_range) != 2 or not all(isinstance(pattern, str) for pattern in layer_range):
        raise ValueError(f"layer_range must be two layer names; it is {layer_range!r}.")
    first, last = (
        [index for index, name in enumerate(names) if re.match(pattern, name)]
        for pattern in layer_range
    )
    if not first or not last:
        raise ValueError(f"layer_range={layer_range!r} matches no layer of {', '.join(names)}.")
    if min(first) > max(last):
        first, last = last, first
    return slice(min(first), max(last) + 1)


def readable_size(size: float) -> str:
    """Bytes for people: `readable_size(304168)` is `"297.04 KB"`."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _total(title: str, size: Size) -> str:
    return f" {title} params: {size.count:,} ({readable_size(size.bytes)})"


def _cells(row: Row, connected: bool, show_trainable: bool) -> list[str]:
    indent = "   " * row.depth + "└ " if row.depth else ""
    cells = [
        f"{indent}{row.name} ({row.kind})",
        _shape_text(row.shape),
        f"{row.params:,}" if row.built else "0 (unbuilt)",
    ]
    if connected:
        cells.append(", ".join(row.connected) or "-")
    if show_trainable:
        cells.append({None: "-", True: "Y", False: "N"}[row.trainable])
    return cells


def _shape_text(shape: object) -> str:
    if shape is None:
        return "?"
    if isinstance(shape, dict):
        parts = [f"{key}: {_shape_text(part)}" for key, part in shape.items()]
        return f"{{{', '.join(parts)}}}"
    if isinstance(shape, tuple) and all(size is None or isinstance(size, int) for size in shape):
        return f"({', '.join(map(str, shape))})"
    if len(shape) == 1:
        return _shape_text(shape[0])
    inside = ", ".join(map(_shape_text, shape))
    return f"[{inside}]" if isinstance(shape, list) else f"({inside})"


def _column_widths(edges: Sequence[float], line_length: int, count: int) -> list[int]:
    """Characters of text in each of so many columns, of which there may be more edges.

    What is too much with the frame is taken from all alike; what is left of fractions of the line
    is given to each as it is wide.
    """
    scale = line_length if max(edges) <= 1 else 1
    ends = [int(edge * scale) for edge in edges[:count]]
    widths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    frame = 3 * count + 1  # a border and two blanks per column, and the last border
    excess = frame if edges[count:] == [] or scale == 1 else sum(widths) + frame - line_length
    if excess < 0:
        return _spread(widths, -excess)
    for index, width in enumerate(widths):
        share = round(excess / (count - index))
        widths[index], excess = width - share, excess - share
    if min(widths) < 1:
        raise ValueError(
            f"A summary of {line_length} characters is too narrow for {len(widths)} columns; "
            "pass a larger line_length, or other positions."
        )
    return widths


def _spread(widths: list[int], room: int) -> list[int]:
    """The widths and `room` more, to each by its share with the blanks at its sides."""
    shares = [width + 2 for width in widths]
    for index, share in enumerate(shares):
        more = math.ceil(share * room / sum(shares[index:]))
        widths[index], room = widths[index] + more, room - more
    return widths


def _draw(titles: list[str], rows: list[list[str]], widths: list[int], align: list) -> list[str]:
    lines = [_rule("top", widths), *_row(titles, widths, align, HEAD_BORDER), _rule("head", widths)]
    for index, row in enumerate(rows):
        if index:
            lines.append(_rule("rule", widths))
        lines += _row(row, widths, align, BORDER)
    return [*lines, _rule("end", widths)]


def _rule(kind: str, widths: list[int]) -> str:
    left, line, middle, right = FRAME[kind]
    return left + middle.join(line * (width + 2) for width in widths) + right


def _row(cells: list[str], widths: list[int], align: list, border: str) -> list[str]:
    wrapped = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    height = max(map(len, wrapped))
    columns = []
    for lines, width, place in zip(wrapped, widths, align, strict=True):
        blanks = [""] * (height - len(lines))
        lines = blanks + lines if border == HEAD_BORDER else lines + blanks  # titles stand low
        columns.append([f" {place(line, width)} " for line in lines])
    return [border + border.join(line) + border for line in zip(*columns, strict=True)]


def _wrap(text: str, width: int) -> list[str]:
    """Whole words on each line; a word too long for any line is cut with an ellipsis."""
    lines = [""]
    for word in re.findall(r"\s*\S+\s*", text):
        if lines[-1] and len(lines[-1]) + len(word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    lines = [line.rstrip() for line in lines]
    return [line if len(line) <= width else line[: width - 1] + "…" for line in lines]
