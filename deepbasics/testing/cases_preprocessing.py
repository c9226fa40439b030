"""The table of cases for layers that prepare data: numbers, categories, texts and images."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.testing.networks import LayerCase

Shape = tuple[int, ...]


@dataclass(frozen=True)
class CodedCase(LayerCase):
    """A layer that gives ids or codes, times a number, of which they are the gradient.

    Its input is `given`, or ids drawn from 0 to `below`, or floats; it may have been adapted to
    `seen`.
    """

    given: Any = None
    below: int = 0
    seen: Any = None

    def make(self) -> Any:
        """The layer."""
        layer = super().make()
        if self.seen is not None:
            layer.adapt(self.seen)
        return layer

    def draw(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The number, and what the layer gets."""
        number = rng.uniform(0.5, 2, (1,))
        if self.below:
            return [number, rng.integers(0, self.below, self.shape)]
        return [number] if self.given is not None else [number, rng.uniform(-2, 2, self.shape)]

    def apply(self, layer: Any, inputs: list[Any]) -> Any:
        """The number times the ids or codes."""
        number, *rest = inputs
        found = layer(self.given if self.given is not None else rest[0])
        return ops.multiply(ops.cast(found, ops.dtype(number)), number)


def _layer(name: str, shape: Shape, *arguments: Any, label: str = "", **how: Any) -> LayerCase:
    return LayerCase(name, shape, arguments, how, label)


def _coded(name: str, label: str = "", shape: Shape = (), how: Any = None, **settings: Any) -> Any:
    return CodedCase(name, shape, (), settings, label, **(how or {}))


IMAGE, FIRST = (2, 8, 7, 3), {"data_format": "channels_first"}
NUMBERS = [
    _layer("Rescaling", (4, 3), 0.5, 0.1),
    _layer("Rescaling", (4, 3), [1.0, 2.0, 3.0], [0.1, 0.2, 0.3], label="channels"),
    _layer("Normalization", (4, 3)),
    _layer("Normalization", (4, 3), label="known", mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.5]),
    _layer("Normalization", (4, 3), label="invert", mean=0.5, variance=2.0, axis=None, invert=True),
    _coded("Discretization", shape=(4, 3), bin_boundaries=[-1.0, 0.0, 1.0]),
    _coded("Discretization", "codes", (4, 3), {"seen": np.linspace(-2, 2, 50)}, num_bins=5,
           output_mode="count"),
]  # fmt: skip

WORDS = [["a", "b", "a"], ["x", "c", "y"]]
TEXTS = ["The cat, the dog.", "a dog", "CAT!", "xyz"]
CATEGORIES = [
    *(_coded("CategoryEncoding", mode, (3, 4), {"below": 6}, num_tokens=5, output_mode=mode)
      for mode in ("multi_hot", "one_hot", "count")),
    *(_coded("IntegerLookup", mode, (3, 4), {"below": 6}, vocabulary=[5, 2], num_oov_indices=2,
             mask_token=0, output_mode=mode)
      for mode in ("int", "multi_hot", "one_hot", "count")),
    _coded("IntegerLookup", "invert", (3, 4), {"below": 6}, vocabulary=[5, 2], invert=True),
    _coded("IntegerLookup", "tf-idf", (3, 4), {"below": 6, "seen": [[1, 2], [2, 3]]},
           output_mode="tf_idf"),
    _coded("StringLookup", how={"given": WORDS}, vocabulary=["a", "c"], num_oov_indices=2),
    _coded("StringLookup", "tf-idf", how={"given": WORDS, "seen": WORDS}, output_mode="tf_idf"),
    _coded("Hashing", how={"given": WORDS}, num_bins=10),
    _coded("Hashing", "salt", how={"given": [[1, 2], [3, 4]]}, num_bins=4, salt=[3, 4],
           output_mode="count"),
    _coded("TextVectorization", how={"given": TEXTS, "seen": TEXTS[:2]}, output_sequence_length=3),
    _coded("TextVectorization", "tf-idf", how={"given": TEXTS, "seen": TEXTS[:2]}, ngrams=2,
           output_mode="tf_idf"),
]  # fmt: skip

IMAGES = [
    _layer("Resizing", IMAGE, 5, 9),
    _layer("Resizing", (2, 3, 8, 7), 3, 4, label="first", interpolation="bicubic", antialias=True,
           crop_to_aspect_ratio=True, **FIRST),
    _layer("CenterCrop", IMAGE, 4, 3),
    _layer("CenterCrop", (2, 3, 8, 7), 9, 3, label="first", **FIRST),
    _layer("RandomContrast", IMAGE, 0.5, value_range=(-3, 3), seed=1),
    _layer("RandomBrightness", IMAGE, 0.2, value_range=(-3, 3), seed=2),
    _layer("RandomFlip", IMAGE, seed=3),
    _layer("RandomFlip", (3, 2, 5, 4), "vertical", label="first", seed=3, **FIRST),
    _layer("RandomCrop", IMAGE, 4, 3, seed=4),
    _layer("RandomCrop", (2, 3, 8, 7), 9, 3, label="first", seed=4, **FIRST),
    *(_layer("RandomRotation", IMAGE, 0.3, label=fill, fill_mode=fill, seed=5)
      for fill in ("reflect", "wrap", "constant", "nearest")),
    _layer("RandomZoom", IMAGE, 0.3, (-0.2, 0.1), seed=6),
    _layer("RandomZoom", (2, 3, 8, 7), 0.3, label="first", interpolation="nearest", seed=6,
           **FIRST),
    _layer("RandomTranslation", IMAGE, 0.3, 0.2, seed=7),
    _layer("RandomTranslation", IMAGE[1:], 0.3, 0.2, label="single", fill_mode="constant",
           fill_value=1.0, seed=7),
]  # fmt: skip

LAYERS = [*NUMBERS, *CATEGORIES, *IMAGES]
