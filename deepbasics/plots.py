"""Pictures: training curves, confusion matrix, decision regions, digits, filters, activations.

Each function returns a matplotlib `Figure` and writes it to `save=` where given (the ending says
the format). Figures are made without pyplot: no display is needed, none stays open. Needs
matplotlib, the extra `recipes`.
"""

import csv
import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepbasics.errors import MissingExtra
from deepbasics.paths import as_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120
_COLUMNS = 10  # of a grid of images


def curves(
    *histories: Any,
    labels: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    save: str | os.PathLike | None = None,
) -> "Figure":
    """Loss and metrics by epoch, a panel each; dashed for the validation data.

    Args:
        histories: one or several to compare, each a `History`, its dict of lists, or the path of a
            file that `CSVLogger` wrote.
        labels: a name for each history.
        metrics: which to show; default all, the loss first.

    Raises ValueError where there is nothing to show, or as many labels as histories are not given.
    """
    tables = [_table(history) for history in histories]
    if not tables or not all(tables):
        raise ValueError("plots.curves needs a history of at least one epoch.")
    labels = list(labels or [""] * len(tables))
    if len(labels) != len(tables):
        raise ValueError(f"plots.curves got {len(tables)} histories and {len(labels)} labels.")
    names = list(metrics or _metrics(tables[0]))
    figure = _figure("curves", width=4.5 * len(names), height=3.5)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for i, (label, table) in enumerate(zip(labels, tables, strict=True)):
            _curve(axes, table, name, label, f"C{i}")
        axes.set(xlabel="epoch", title=name)
        axes.locator_params("x", integer=True)
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    return _done(figure, title, save)


def confusion_matrix(
    y_true: Any,
    y_pred: Any,
    labels: Sequence[str] | None = None,
    title: str | None = None,
    save: str | os.PathLike | None = None,
) -> "Figure":
    """How often each class (row) was taken for each class (column).

    Args:
        y_true, y_pred: class ids (or bools), shape (n,).
        labels: a name for each class; default the ids.

    Raises ValueError for shapes that differ or are not (n,), and for negative ids.
    """
    counts = _counts(y_true, y_pred, len(labels or ()))
    n = len(counts)
    if labels is not None and len(labels) != n:
        raise ValueError(f"plots.confusion_matrix got {len(labels)} labels for {n} classes.")
    side = max(3.5, 0.5 * n + 1.5)
    figure = _figure("confusion_matrix", width=side + 0.5, height=side)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count}", ha="center", va="center", color=color)
    axes.set_xticks(range(n), labels or range(n))
    axes.set_yticks(range(n), labels or range(n))
    correct = counts.trace() / max(counts.sum(), 1)
    axes.set(xlabel="predicted", ylabel="true", title=f"{correct:.1%} of {counts.sum()} right")
    return _done(figure, title, save)


def decision_regions(
    model: Any,
    x: Any,
    y: Any,
    points: int = 200,
    title: str | None = None,
    save: str | os.PathLike | None = None,
) -> "Figure":
    """What a model with two inputs answers around the points `x`.

    Args:
        model: with one output it is drawn as levels, with several as the most probable class.
        x: shape (n, 2).
        y: shape (n,) or (n, 1), the points' targets or class ids; or one-hot, (n, classes).
        points: the grid has points x points cells.

    Raises ValueError for an `x` of other shapes.
    """
    x, y = np.asarray(x, float), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"plots.decision_regions draws inputs of shape (n, 2); x has {x.shape}.")
    y = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()
    margin = 0.25 * (np.ptp(x, axis=0) + 1e-9)
    sides = np.linspace(x.min(axis=0) - margin, x.max(axis=0) + margin, points).T
    across, up = np.meshgrid(*sides)
    outputs = model.predict(np.stack([across.ravel(), up.ravel()], axis=1), 4096, verbose=0)
    figure = _figure("decision_regions", width=5, height=4.2)
    axes = figure.subplots()
    _regions(figure, axes, across, up, outputs)
    axes.scatter(*x.T, c=y, cmap="coolwarm", edgecolors="black", s=60)
    axes.set(xlabel="x[0]", ylabel="x[1]")
    return _done(figure, title, save)


def digits(
    images: Any,
    predictions: Any = None,
    labels: Any = None,
    title: str | None = None,
    save: str | os.PathLike | None = None,
) -> "Figure":
    """Images in rows of ten, each under its prediction; where that is not its label, in red.

    Args:
        images: shape (n, height, width), or (n, pixels) of square images.
        predictions, labels: class ids, shape (n,).

    Raises ValueError for images of other shapes.
    """
    figure = _figure("digits", *_grid_size(len(images)))
    for i, (axes, image) in enumerate(_grid(figure, _squares(images))):
        axes.imshow(image, cmap="gray_r")
        if predictions is not None:
            wrong = labels is not None and predictions[i] != labels[i]
            text = f"{predictions[i]}, not {labels[i]}" if wrong else f"{predictions[i]}"
            axes.set_title(text, color="red" if wrong else "black", fontsize=8)
    return _done(figure, title, save)


def filters(
    kernel: Any, title: str | None = None, save: str | os.PathLike | None = None
) -> "Figure":
    """The weights of a layer: red above zero, blue below.

    Args:
        kernel: of a Dense layer over square images, (pixels, units): an image for each unit; of
            any other Dense layer, (inputs, units): one map; of a convolution, (height, width,
            channels, filters): an image for each filter, the mean over its channels.

    Raises ValueError for a kernel of another rank.
    """
    kernel = np.asarray(kernel, float)
    if kernel.ndim not in (2, 4):
        raise ValueError(f"plots.filters draws kernels of rank 2 or 4; got shape {kernel.shape}.")
    side = math.isqrt(len(kernel))
    if kernel.ndim == 4:
        images = np.moveaxis(kernel.mean(axis=2), -1, 0)
    elif side > 2 and side * side == len(kernel):
        images = kernel.T.reshape(-1, side, side)
    else:
        images = kernel[None]
    limit = np.abs(kernel).max() or 1.0
    figure = _figure("filters", *_grid_size(len(images)))
    for axes, image in _grid(figure, images):
        axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
    return _done(figure, title, save)


def activations(
    model: Any,
    x: Any,
    layer: Any,
    title: str | None = None,
    save: str | os.PathLike | None = None,
) -> "Figure":
    """What a layer makes of some inputs.

    Args:
        model: a built Sequential or functional model.
        x: inputs as for `predict`, n of them.
        layer: one of the model's, by name, by index or itself. Images, (n, height, width,
            channels), give an image for each channel, a row of them for each of several inputs;
            sequences, (n, steps, features), a map for each input; (n, units), one map with a row
            for each.

    Raises ValueError for a layer that is not there, and for outputs of other ranks.
    """
    layer = _layer(model, layer)
    outputs = _cut(model, layer).predict(x, verbose=0)
    if getattr(outputs, "ndim", None) not in (2, 3, 4):
        shape = getattr(outputs, "shape", type(outputs).__name__)
        raise ValueError(
            f"plots.activations draws outputs of rank 2 to 4; {layer.name!r} gives {shape}."
        )
    if outputs.ndim == 4:
        first = getattr(layer, "data_format", "channels_last") == "channels_first"
        images = outputs if first else np.moveaxis(outputs, -1, 1)
        columns = images.shape[1] if len(images) > 1 else min(images.shape[1], _COLUMNS)
        images = images.reshape(-1, *images.shape[2:])
    else:
        images = outputs if outputs.ndim == 3 else outputs[None]
        columns = min(len(images), _COLUMNS)
    rows = math.ceil(len(images) / columns)
    figure = _figure("activations", max(3.0, 0.9 * columns), max(1.2, 0.9 * rows))
    for axes, image in _grid(figure, images, columns):
        axes.imshow(image, cmap="gray")
    return _done(figure, title or layer.name, save)


def _layer(model: Any, layer: Any) -> Any:
    if isinstance(layer, str):
        return model.get_layer(layer)
    return model.get_layer(index=layer) if isinstance(layer, int) else layer


def _cut(model: Any, layer: Any) -> Any:
    """The part of a model that ends with a layer."""
    from deepbasics.models import Model

    return Model(model.inputs, layer.output)


def _figure(function: str, width: float, height: float) -> "Figure":
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "recipes", f"plots.{function}") from error
    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained")


def _done(figure: "Figure", title: str | None, save: str | os.PathLike | None) -> "Figure":
    if title:
        figure.suptitle(title)
    if save is not None:
        path = as_path(save)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        figure.savefig(path)
    return figure


def _table(history: Any) -> Mapping[str, Sequence[float]]:
    """Values by name, one for each epoch."""
    if isinstance(history, str | os.PathLike):
        return _read(history)
    return getattr(history, "history", history)


def _read(path: str | os.PathLike) -> dict[str, list[float]]:
    """The columns of a file of `CSVLogger`, without those that hold no number."""
    with open(as_path(path), newline="", encoding="utf-8") as file:
        separator = file.readline().removeprefix("epoch")[:1] or ","
        file.seek(0)
        rows = list(csv.DictReader(file, delimiter=separator))
    names = [name for name in (rows[0] if rows else {}) if name != "epoch"]
    columns = {name: [_number(row[name]) for row in rows] for name in names}
    return {n: column for n, column in columns.items() if not np.isnan(column).all()}


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:  # "NA", or a list
        return math.nan


def _metrics(table: Mapping[str, Any]) -> list[str]:
    """The names in a history that are not those of validation, the loss first."""
    names = [name for name in table if not name.startswith("val_")]
    return sorted(names, key=lambda name: name != "loss")


def _curve(axes: Any, table: Mapping[str, Any], name: str, label: str, color: str) -> None:
    for key, style, suffix in ((name, "-", ""), (f"val_{name}", "--", " validation")):
        if key in table:
            text = f"{label}{suffix}".strip()
            epochs = range(1, len(table[key]) + 1)
            marker = "." if len(epochs) <= 20 else None
            axes.plot(epochs, table[key], style, marker=marker, color=color, label=text or None)


def _counts(y_true: Any, y_pred: Any, classes: int) -> np.ndarray:
    """Shape (classes, classes)."""
    true, predicted = (np.asarray(y).astype(int) for y in (y_true, y_pred))
    if true.shape != predicted.shape or true.ndim != 1 or not len(true):
        raise ValueError(
            f"plots.confusion_matrix needs class ids of one shape (n,); got {true.shape} and "
            f"{predicted.shape}. For one-hot rows or probabilities pass y.argmax(axis=1)."
        )
    if min(true.min(), predicted.min()) < 0:
        raise ValueError("plots.confusion_matrix needs class ids from 0 on; got a negative one.")
    classes = max(classes, true.max() + 1, predicted.max() + 1)
    counts = np.zeros((classes, classes), int)
    np.add.at(counts, (true, predicted), 1)
    return counts


def _regions(figure: Any, axes: Any, across: Any, up: Any, outputs: np.ndarray) -> None:
    if outputs.shape[1] == 1:
        levels = axes.contourf(across, up, outputs.reshape(across.shape), 21, cmap="coolwarm")
        figure.colorbar(levels, label="output")
    else:
        classes = outputs.argmax(axis=1).reshape(across.shape)
        axes.pcolormesh(across, up, classes, cmap="coolwarm", alpha=0.5)


def _squares(images: Any) -> np.ndarray:
    """Shape (n, height, width)."""
    images = np.asarray(images)
    side = math.isqrt(images.shape[1]) if images.ndim == 2 else 0
    if images.ndim == 2 and side * side == images.shape[1]:
        return images.reshape(-1, side, side)
    if images.ndim != 3:
        raise ValueError(
            "plots.digits draws images of shape (n, height, width), or (n, pixels) of square ones; "
            f"got {images.shape}."
        )
    return images


def _grid_size(n: int) -> tuple[float, float]:
    rows, columns = math.ceil(n / _COLUMNS), min(n, _COLUMNS)
    return max(3.0, 0.9 * columns), max(3.0 if n == 1 else 1.2, 1.1 * rows)


def _grid(figure: Any, images: np.ndarray, columns: int = _COLUMNS) -> list[tuple[Any, Any]]:
    """Each image with its place."""
    rows, columns = math.ceil(len(images) / columns), min(len(images), columns)
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in places:
        axes.axis("off")
    return list(zip(places, images, strict=False))
