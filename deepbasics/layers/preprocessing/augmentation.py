"""Images changed at random while training: RandomFlip, RandomRotation and the like.

All draws come from the layer's own stream, in float64, so that images are moved by the same numbers
on every backend. Each image of a batch has draws of its own but for RandomCrop.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from deepbasics import ops, symbolic
from deepbasics.errors import unknown
from deepbasics.layers import scope
from deepbasics.layers.preprocessing.images import Images, Sized
from deepbasics.random import SeedGenerator, uniform

_FILLS = ("reflect", "wrap", "constant", "nearest")


class _Augmentation(Images):
    """Changes images while training, and where it is called by hand without `training=False`."""

    def set_seed(self, seed: int | None) -> None:
        """Keep the seed, and its stream."""
        self.seed, self.seed_generator = seed, SeedGenerator(seed)

    def __call__(self, inputs: Any, training: bool | None = None) -> Any:
        """The images; changed unless the model that calls, or the caller, is not training."""
        around = scope.current()
        unsaid = training is None and (around is None or not around.told)
        if unsaid and not symbolic.found((inputs,), {}):
            training = True
        return super().__call__(inputs, training=training)

    def draw(self, shape: Sequence[int], low: float, high: float) -> Any:
        """Float64 numbers between `low` and `high`."""
        return uniform(shape, low, high, "float64", self.seed_generator)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The images as floats; changed if `training`."""
        images = ops.cast(inputs, self.dtype)
        return self.changed(images) if training else images

    def changed(self, images: Any) -> Any:
        """The images, changed."""
        raise NotImplementedError

    def drawn_each(self, images: Any, low: float, high: float) -> Any:
        """A number for each image, in its dtype, with axes of length 1 for the others."""
        n = len(images.shape)
        shape = (*images.shape[: n - 3], 1, 1, 1)
        return ops.cast(self.draw(shape, low, high), self.dtype)


def _range(
    layer: Images, name: str, factor: Any, low: float, high: float, wide: bool = False
) -> tuple[float, float]:
    """(least, greatest) of a factor: two numbers, or one, for both signs; within `low` and `high`.

    `wide`: a pair need only reach into these bounds.
    """
    pair = isinstance(factor, (tuple, list))
    ends = list(factor) if pair else [-factor, factor] if isinstance(factor, Real) else []
    inside = [low <= v <= high for v in (ends if pair else ends[1:])]
    reaches = wide and pair and len(ends) == 2 and ends[0] <= high and ends[1] >= low
    fits = reaches or (len(ends) == 2 and all(inside))
    if not fits:
        raise ValueError(
            f"{layer.where}: {name} must be a number from {low:g} to {high:g}, or two of them; got "
            f"{factor!r}."
        )
    least, greatest = sorted(ends)
    return (least, greatest) if pair else (max(least, low), greatest)


# colours ------------------------------------------------------------------------------------------


class RandomContrast(_Augmentation):
    """(inputs - mean) · f + mean, each channel of each image around its own mean.

    Args:
        factor: f is uniform between 1 - factor[0] and 1 + factor[1]; one number c is (0, c), as in
            Keras 3.15, so that the contrast only grows.
        value_range: what the result is clipped to.
        seed: of the stream; default a fresh one.
    """

    def __init__(
        self,
        factor: Any,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.factor = _range(self, "factor", factor, 0, 1, wide=True)
        self.value_range = _value_range(self, value_range)
        self.set_seed(seed)
        self.set_data_format(data_format)

    def changed(self, images: Any) -> Any:
        """With more or less contrast."""
        f = self.drawn_each(images, 1 - self.factor[0], 1 + self.factor[1])
        mean = ops.mean(images, axis=self.axes, keepdims=True)
        return ops.clip(ops.add(ops.multiply(ops.subtract(images, mean), f), mean),
                        *self.value_range)  # fmt: skip


class RandomBrightness(_Augmentation):
    """inputs + b, all channels of an image alike.

    Args:
        factor: b is uniform between factor[0] and factor[1], within -1 and 1, times the length of
            `value_range`; one number c is (-c, c).
        value_range: what the result is clipped to.
        seed: of the stream; default a fresh one.
    """

    def __init__(
        self,
        factor: Any,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.factor = _range(self, "factor", factor, -1, 1, wide=True)
        self.value_range = _value_range(self, value_range)
        self.set_seed(seed)
        self.set_data_format(data_format)

    def changed(self, images: Any) -> Any:
        """Lighter or darker."""
        low, high = self.value_range
        more = self.drawn_each(images, *(f * (high - low) for f in self.factor))
        return ops.clip(ops.add(images, more), low, high)


def _value_range(layer: Images, given: Any) -> list[float]:
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise ValueError(f"{layer.where}: value_range must be two numbers; got {given!r}.")
    return sorted(given)


# places -------------------------------------------------------------------------------------------

_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


class RandomFlip(_Augmentation):
    """Each image is flipped, or not, with the same chance.

    Args:
        mode: "horizontal", "vertical", or "horizontal_and_vertical": both or neither.
        seed: of the stream; default a fresh one.
        data_format: "channels_last" or "channels_first"; default that of the configuration.
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise unknown("mode", mode, _MODES)
        self.mode = mode
        self.set_seed(seed)
        self.set_data_format(data_format)

    def changed(self, images: Any) -> Any:
        """Some of them flipped."""
        axes = [a for a, name in zip(self.axes, ("vertical", "horizontal"), strict=True)
                if name in self.mode]  # fmt: skip
        chosen = self.drawn_each(images, -1, 1) <= 0
        return ops.where(chosen, ops.flip(images, axis=tuple(axes)), images)


class RandomCrop(_Augmentation, Sized):
    """A part of the images of this size, at a random place, the same for a whole batch.

    While not training, and for images that are not larger, the largest part in the middle that has
    these proportions, resized. (Keras 3.15 leaves images as they are while not training.)

    Args:
        height, width: of the result.
        seed: of the stream; default a fresh one.
        data_format: "channels_last" or "channels_first"; default that of the configuration.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.set_size(height, width)
        self.set_seed(seed)
        self.set_data_format(data_format)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The part, as floats."""
        images = ops.cast(inputs, self.dtype)
        size = self.size_of(images.shape)
        larger = size[0] > self.height and size[1] > self.width
        return self.changed(images) if training and larger else self.fitted(images)

    def changed(self, images: Any) -> Any:
        """The part at a random place."""
        wanted = zip(self.axes, self.size_of(images.shape), (self.height, self.width), strict=True)
        units = self.draw((2,), 0, 1)
        for i, (axis, n, part) in enumerate(wanted):
            start = ops.cast(ops.floor(ops.multiply(units[i], n - part + 1)), "int64")
            images = ops.take(images, ops.add(start, np.arange(part)), axis=axis)
        return images


class _Affine(_Augmentation):
    """Moves the points of an image by a linear function that is drawn for each."""

    def set_filling(self, fill_mode: str, fill_value: float, interpolation: str) -> None:
        """Keep how points are filled that come from outside, and between pixels."""
        if fill_mode not in _FILLS:
            raise unknown("fill_mode", fill_mode, _FILLS)
        if interpolation not in ("nearest", "bilinear"):
            raise unknown("interpolation", interpolation, ("nearest", "bilinear"))
        self.fill_mode, self.fill_value, self.interpolation = fill_mode, fill_value, interpolation

    def parts(self, n: int, height: int, width: int) -> tuple[Any, ...]:
        """a to f of `ops.image.affine_transform`, each a number or of shape (n, 1)."""
        raise NotImplementedError

    def changed(self, images: Any) -> Any:
        """Moved."""
        single = len(images.shape) == 3
        n = 1 if single else images.shape[0]
        found = [*self.parts(n, *self.size_of(images.shape)), 0.0, 0.0]
        columns = [np.full((n, 1), p) if isinstance(p, float) else p for p in found]
        transform = ops.concatenate([ops.cast(c, "float64") for c in columns], axis=1)
        return ops.image.affine_transform(
            images, transform[0] if single else transform, self.interpolation, self.fill_mode,
            self.fill_value, self.data_format,
        )  # fmt: skip


class RandomRotation(_Affine):
    """Turns each image around its middle.

    Args:
        factor: the angle is uniform between factor[0] and factor[1], within -1 and 1, full turns
            against the clock; one number c is (-c, c).
        fill_mode: what lies outside: "reflect" (d c b a | a b c d | d c b a), "wrap", "nearest" or
            "constant", which is `fill_value`.
        interpolation: "bilinear" or "nearest".
        seed: of the stream; default a fresh one.
        data_format: "channels_last" or "channels_first"; default that of the configuration.
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.factor = _range(self, "factor", factor, -1, 1, wide=True)
        self.set_filling(fill_mode, fill_value, interpolation)
        self.set_seed(seed)
        self.set_data_format(data_format)

    def parts(self, n: int, height: int, width: int) -> tuple[Any, ...]:
        """The rotation, with the middle where it was."""
        angle = self.draw((n, 1), *(2 * math.pi * f for f in self.factor))
        cos, sin = ops.cos(angle), ops.sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        right = x - (cos * x - sin * y)
        down = y - (sin * x + cos * y)
        return cos, -sin, right, sin, cos, down


class RandomZoom(_Affine):
    """Each image smaller or larger, around its middle.

    Args:
        height_factor: the part of the height that is seen is 1 + z, z uniform between
            height_factor[0] and height_factor[1], above -1 and at most 1; negative z zooms in; one
            number c is (-c, c).
        width_factor: likewise; default z is that of the height.
        fill_mode, interpolation, seed, fill_value, data_format: as for `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        above = math.nextafter(-1, 0)
        self._high = _range(self, "height_factor", height_factor, above, 1)
        self._wide = (
            None if width_factor is None else _range(self, "width_factor", width_factor, above, 1)
        )
        self.set_filling(fill_mode, fill_value, interpolation)
        self.set_seed(seed)
        self.set_data_format(data_format)

    def parts(self, n: int, height: int, width: int) -> tuple[Any, ...]:
        """The two zooms, with the middle where it was."""
        high = self.draw((n, 1), *(1 + f for f in self._high))
        wide = high if self._wide is None else self.draw((n, 1), *(1 + f for f in self._wide))
        right, down = (1 - wide) * ((width - 1) / 2), (1 - high) * ((height - 1) / 2)
        return wide, 0.0, right, 0.0, high, down


class RandomTranslation(_Affine):
    """Each image moved.

    Args:
        height_factor: down by a part of the height that is uniform between height_factor[0] and
            height_factor[1], within -1 and 1; one number c is (-c, c).
        width_factor: likewise, to the right.
        fill_mode, interpolation, seed, fill_value, data_format: as for `RandomRotation`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._down = _range(self, "height_factor", height_factor, -1, 1)
        self._right = _range(self, "width_factor", width_factor, -1, 1)
        self.set_filling(fill_mode, fill_value, interpolation)
        self.set_seed(seed)
        self.set_data_format(data_format)

    def parts(self, n: int, height: int, width: int) -> tuple[Any, ...]:
        """Where each point was before."""
        down = self.draw((n, 1), *(height * f for f in self._down))
        right = self.draw((n, 1), *(width * f for f in self._right))
        return 1.0, 0.0, -right, 0.0, 1.0, -down
