"""Images whose pixels move: by coordinates, by a matrix, by four points, at random."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepbasics.errors import unknown
from deepbasics.ops.call import call, dtype_of, float_tensor, tensor
from deepbasics.ops.elementwise import (
    abs,
    add,
    clip,
    divide,
    floor,
    logical_and,
    mod,
    multiply,
    negative,
    subtract,
    where,
)
from deepbasics.ops.filters import gaussian_blur
from deepbasics.ops.images import image_of
from deepbasics.ops.matrices import solve
from deepbasics.ops.shape import (
    concatenate,
    expand_dims,
    get_item,
    moveaxis,
    reshape,
    take,
    unstack,
)

__all__ = ["affine_transform", "elastic_transform", "map_coordinates", "perspective_transform"]

Tensor = Any
_ORDERS = {"nearest": 0, "bilinear": 1}


def _mirror(i: Tensor, n: int) -> Tensor:
    return multiply(i, 0) if n == 1 else subtract(n - 1, abs(subtract(mod(i, 2 * (n - 1)), n - 1)))


# where an index outside 0 to n - 1 leads to
INSIDE: dict[str, Callable[[Tensor, int], Tensor]] = {
    "constant": lambda i, n: clip(i, 0, n - 1),
    "nearest": lambda i, n: clip(i, 0, n - 1),
    "wrap": lambda i, n: mod(i, n),
    "mirror": _mirror,
    "reflect": lambda i, n: call("floor_divide", _mirror(add(multiply(i, 2), 1), 2 * n + 1), 2),
}


def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """The values at fractional places: `coordinates[a]` holds those along axis a.

    `order` 0 takes the nearest element (of two the later), 1 interpolates linearly. Outside:
    "constant" `fill_value`, "nearest" the edge, "wrap" from the other end, "mirror" and "reflect"
    back again, without and with the edge twice.
    """
    x = float_tensor(inputs)
    if fill_mode not in INSIDE:
        raise unknown("fill_mode", fill_mode, INSIDE)
    if order not in (0, 1):
        raise ValueError(f"map_coordinates: order must be 0 or 1; got {order}.")
    places = list(coordinates) if isinstance(coordinates, (list, tuple)) else unstack(coordinates)
    places = [tensor(p, dtype_of(x)) for p in places]
    if len(places) != len(x.shape):
        raise ValueError(f"map_coordinates: {len(places)} coordinates for {len(x.shape)} axes.")
    corners = _corners([(None, None, None)], places, x.shape, order, fill_mode)
    return _interpolated(reshape(x, (-1,)), corners, fill_value)


Corner = tuple[Any, Any, Any]  # the index of an element, its weight, and whether it is inside


def _corners(
    corners: list[Corner], places: Sequence[Tensor], shape: Sequence[int], order: int, mode: str
) -> list[Corner]:
    """The elements next to places along further axes of this shape."""
    for place, n in zip(places, shape, strict=True):
        near = _near(place, order, n, mode)
        corners = [_corner(old, new, n) for old in corners for new in near]
    return corners


def _interpolated(rows: Tensor, corners: list[Corner], fill_value: float) -> Tensor:
    """The weighted sum of elements, or of rows of them."""
    last = (lambda t: expand_dims(t, -1)) if len(rows.shape) > 1 else (lambda t: t)
    total = None
    for index, weight, valid in corners:
        value = take(rows, index, 0)
        value = value if valid is None else where(last(valid), value, fill_value)
        value = value if weight is None else multiply(value, last(weight))
        total = value if total is None else add(total, value)
    return total


def _near(place: Tensor, order: int, n: int, fill_mode: str) -> list[Corner]:
    """The elements next to a place along one axis."""
    low = floor(place if order else add(place, 0.5))
    share = subtract(place, call("stop_gradient", low))
    parts = [(low, subtract(1.0, share)), (add(low, 1.0), share)] if order else [(low, None)]
    found = []
    for index, weight in parts:
        index = tensor(index, "int64")
        outside = fill_mode == "constant"
        valid = logical_and(index >= 0, index < n) if outside else None
        found.append((INSIDE[fill_mode](index, n), weight, valid))
    return found


def _corner(old: Corner, new: Corner, n: int) -> Corner:
    """One more axis of an element's index, weight and validity."""
    joins = (lambda a, b: add(multiply(a, n), b), multiply, logical_and)
    return tuple(b if a is None else a if b is None else join(a, b)
                 for join, a, b in zip(joins, old, new, strict=True))  # fmt: skip


# (batch, height, width, dtype) to the rows and columns where the pixels are taken from
Places = Callable[[int, int, int, str], tuple[Tensor, Tensor]]


def _moved(
    name: str,
    images: Any,
    places: Places,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
    data_format: str | None,
) -> Tensor:
    """Images with pixels from other places, for the op `name`."""
    if interpolation not in _ORDERS:
        raise unknown("interpolation", interpolation, _ORDERS)
    if fill_mode not in INSIDE:
        raise unknown("fill_mode", fill_mode, INSIDE)
    x, channels, _ = image_of(images, name, data_format)
    single = len(x.shape) == 3
    x = moveaxis(float_tensor(x), channels, -1)
    x = expand_dims(x, 0) if single else x
    batch, height, width, deep = x.shape
    found = places(batch, height, width, dtype_of(x))
    image = tensor(np.arange(batch).reshape(-1, 1, 1))
    order = _ORDERS[interpolation]
    corners = _corners([(image, None, None)], found, (height, width), order, fill_mode)
    y = _interpolated(reshape(x, (-1, deep)), corners, fill_value)
    y = moveaxis(y, -1, channels if not single else channels + 1)
    return get_item(y, 0) if single else y


def _grid(height: int, width: int, dtype: str) -> tuple[Tensor, Tensor]:
    """The rows and the columns of the pixels."""
    return tensor(np.arange(height)[:, None], dtype), tensor(np.arange(width), dtype)


def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images whose point (x, y) is the point ((a x + b y + c) / k, (d x + e y + f) / k) of the old.

    `transform`: (batch, 8) or (8,), the numbers a to f, then g and h with k = g x + h y + 1.
    `interpolation`: "nearest" or "bilinear"; `fill_mode` as in `ops.image.map_coordinates`.
    """

    def places(batch: int, height: int, width: int, dtype: str) -> tuple[Tensor, Tensor]:
        t = tensor(transform, dtype)
        if t.shape[-1] != 8 or (len(t.shape) == 2 and t.shape[0] not in (1, batch)):
            raise ValueError(
                f"affine_transform: transform needs shape ({batch}, 8); got {tuple(t.shape)}."
            )
        t = call("broadcast_to", t, shape=(batch, 8))
        a, b, c, d, e, f, g, h = (reshape(part, (batch, 1, 1)) for part in unstack(t, axis=1))
        row, column = _grid(height, width, dtype)

        def plane(p: Tensor, q: Tensor, r: Any) -> Tensor:
            return add(add(multiply(p, column), multiply(q, row)), r)

        scale = plane(g, h, 1.0)
        return divide(plane(d, e, f), scale), divide(plane(a, b, c), scale)

    return _moved(
        "affine_transform", images, places, interpolation, fill_mode, fill_value, data_format
    )


def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images seen from elsewhere, so that four points of the old lie at four others of the new.

    `start_points` and `end_points`: (batch, 4, 2) or (4, 2), as (x, y), no three of them in a line.
    What comes from outside is `fill_value`. The transform is the homography that the points
    determine.
    """
    start, end = float_tensor(start_points), float_tensor(end_points)
    if tuple(start.shape) != tuple(end.shape) or tuple(start.shape[-2:]) != (4, 2):
        raise ValueError(
            "perspective_transform needs start_points and end_points of shape (batch, 4, 2) or "
            f"(4, 2); got {tuple(start.shape)} and {tuple(end.shape)}."
        )
    images = float_tensor(images)
    return affine_transform(
        images,
        tensor(_homography(start, end), dtype_of(images)),
        interpolation,
        "constant",
        fill_value,
        data_format,
    )


def _homography(start: Tensor, end: Tensor) -> Tensor:
    """The numbers of `affine_transform` that lead from the points `end` to `start`."""
    x, y = (expand_dims(part, -1) for part in unstack(end, axis=-1))
    zero = multiply(x, 0.0)
    one = add(zero, 1.0)
    sides = []
    for along, target in zip(((x, y, one, zero, zero, zero), (zero, zero, zero, x, y, one)),
                             unstack(start, axis=-1), strict=True):  # fmt: skip
        back = negative(expand_dims(target, -1))
        sides.append(concatenate([*along, multiply(back, x), multiply(back, y)], axis=-1))
    targets = expand_dims(concatenate(unstack(start, axis=-1), axis=-1), -1)
    return get_item(solve(concatenate(sides, axis=-2), targets), (..., 0))


def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Tensor:
    """Images bent at random, like handwriting.

    Each pixel comes from a place that is `alpha` times a smooth field away: normal draws of
    standard deviation `sigma`, blurred over `sigma` pixels. `seed` as of `random.normal`; the rest
    as of `ops.image.affine_transform`. Source: Simard, Steinkraus & Platt, "Best practices for
    convolutional neural networks", 2003.
    """
    from deepbasics import random  # a room above

    def places(batch: int, height: int, width: int, dtype: str) -> tuple[Tensor, Tensor]:
        field = random.normal((2 * batch, height, width, 1), 0.0, sigma, dtype, seed)
        size = int(6 * sigma) | 1
        field = gaussian_blur(field, (size, size), (sigma, sigma), "channels_last")
        field = reshape(multiply(field, alpha), (2, batch, height, width))
        row, column = _grid(height, width, dtype)
        return add(row, get_item(field, 0)), add(column, get_item(field, 1))

    return _moved(
        "elastic_transform", images, places, interpolation, fill_mode, fill_value, data_format
    )
