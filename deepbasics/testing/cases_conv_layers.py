"""The table of cases for layers of convolution, pooling, normalisation, noise and activation."""

from typing import Any

import numpy as np

from deepbasics import layers
from deepbasics.models import Sequential
from deepbasics.testing.networks import LayerCase, NetCase

Shape = tuple[int, ...]


def _layer(name: str, shape: Shape, *arguments: Any, label: str = "", **how: Any) -> LayerCase:
    return LayerCase(name, shape, arguments, how, label)


class Normalized(LayerCase):
    """Spectral normalisation of a layer of the class and settings that the case gives."""

    def make(self) -> Any:
        """The layer around a new one."""
        return layers.SpectralNormalization(layers.Dense(*self.arguments, **self.settings))


STEPS, IMAGE, VOLUME = (2, 9, 3), (2, 8, 7, 3), (2, 5, 6, 5, 2)
FIRST = {"data_format": "channels_first"}

CONVOLUTIONS = [
    _layer("Conv1D", STEPS, 4, 3),
    _layer("Conv1D", STEPS, 4, 3, label="causal", padding="causal", dilation_rate=2),
    _layer("Conv1D", (2, 4, 9), 6, 4, label="groups-first", groups=2, padding="same", **FIRST),
    _layer("Conv2D", IMAGE, 4, 3, label="tanh", activation="tanh"),
    _layer("Conv2D", IMAGE, 4, (3, 2), label="same-strides", strides=(2, 3), padding="same"),
    _layer("Conv2D", IMAGE, 4, 2, label="dilation", dilation_rate=(2, 3), use_bias=False),
    _layer("Conv2D", (2, 4, 6, 5), 6, 3, label="groups-first", groups=2, **FIRST),
    _layer("Conv2D", (3, 6, 6, 5), 2, 1, label="pointwise"),
    _layer("Conv3D", VOLUME, 3, (2, 3, 2), label="same", padding="same", strides=2),
    _layer("Conv3D", (2, 3, 4, 5, 4), 3, 2, label="first", **FIRST),
    _layer("Conv1DTranspose", STEPS, 4, 3, strides=2),
    _layer("Conv2DTranspose", IMAGE, 4, 3, label="same", strides=2, padding="same"),
    _layer("Conv2DTranspose", IMAGE, 4, (2, 3), label="output-padding", strides=3,
           output_padding=(2, 1)),
    _layer("Conv2DTranspose", (2, 3, 4, 5), 4, 2, label="first-dilation", dilation_rate=2, **FIRST),
    _layer("Conv3DTranspose", (2, 3, 2, 3, 2), 3, 2, strides=2),
    _layer("DepthwiseConv1D", STEPS, 3, label="causal", padding="causal"),
    _layer("DepthwiseConv2D", IMAGE, 3, strides=2, padding="same", depth_multiplier=2),
    _layer("DepthwiseConv2D", (2, 3, 8, 7), (2, 3), label="first", dilation_rate=2, **FIRST),
    _layer("SeparableConv1D", STEPS, 4, 3, padding="same"),
    _layer("SeparableConv2D", IMAGE, 4, 3, depth_multiplier=2, activation="relu"),
    _layer("SeparableConv2D", (2, 3, 8, 7), 4, 2, label="first", strides=2, **FIRST),
]  # fmt: skip

GRIDS = [
    *(_layer(f"{kind}Pooling{rank}D", shape, label=label, **how)
      for kind in ("Max", "Average")
      for rank, shape in ((1, STEPS), (2, IMAGE), (3, VOLUME))
      for label, how in {"": {}, "same": {"pool_size": 3, "strides": 2, "padding": "same"},
                         "first": {"pool_size": 2, "strides": 1, **FIRST}}.items()),
    *(_layer(f"Global{kind}Pooling{rank}D", shape, label=label, **how)
      for kind in ("Max", "Average")
      for rank, shape in ((1, STEPS), (2, IMAGE), (3, VOLUME))
      for label, how in {"": {}, "first": {"keepdims": True, **FIRST}}.items()),
    *(_layer(f"Adaptive{kind}Pooling{rank}D", shape, size, label=label, **how)
      for kind in ("Max", "Average")
      for rank, shape, size in ((1, STEPS, 4), (2, IMAGE, (3, 7)), (3, VOLUME, 2))
      for label, how in {"": {}, "first": FIRST}.items()),
    _layer("UpSampling1D", STEPS, 3),
    _layer("UpSampling2D", IMAGE, (2, 3)),
    _layer("UpSampling2D", (2, 3, 4, 5), 2, label="bilinear", interpolation="bilinear", **FIRST),
    _layer("UpSampling3D", VOLUME, (1, 2, 2)),
    _layer("ZeroPadding1D", STEPS, (2, 1)),
    _layer("ZeroPadding2D", IMAGE, ((1, 0), (2, 3))),
    _layer("ZeroPadding2D", IMAGE, (1, 2), label="first", **FIRST),
    _layer("ZeroPadding3D", VOLUME, 1),
    _layer("Cropping1D", STEPS, (2, 1)),
    _layer("Cropping2D", IMAGE, ((1, 0), (2, 3))),
    _layer("Cropping2D", (2, 3, 8, 7), 1, label="first", **FIRST),
    _layer("Cropping3D", VOLUME, (1, 2, 1)),
    _layer("Permute", VOLUME, (3, 1, 4, 2)),
    _layer("RepeatVector", (3, 4), 5),
]  # fmt: skip

NORMALIZATIONS = [
    _layer("BatchNormalization", (6, 4)),
    _layer("BatchNormalization", IMAGE, label="image", momentum=0.9, epsilon=1e-4),
    _layer("BatchNormalization", (4, 3, 5), label="axis", axis=1, center=False, scale=False),
    _layer("LayerNormalization", (3, 6)),
    _layer("LayerNormalization", IMAGE, label="axes", axis=(1, -1), scale=False),
    _layer("GroupNormalization", (3, 4, 6), groups=3),
    _layer("GroupNormalization", (3, 4, 5), label="axis", groups=2, axis=1),
    _layer("GroupNormalization", (3, 5, 4), label="instance", groups=-1),
    _layer("RMSNormalization", (3, 4, 5)),
    _layer("RMSNormalization", (3, 4, 5), label="axes", axis=(1, 2), epsilon=1e-3),
    _layer("UnitNormalization", (3, 4, 5)),
    _layer("UnitNormalization", (3, 4, 5), label="axes", axis=(1, 2)),
    Normalized("SpectralNormalization", (3, 4), (5,)),
]  # fmt: skip

NOISES = [
    _layer("SpatialDropout1D", STEPS, 0.4, seed=1),
    _layer("SpatialDropout2D", IMAGE, 0.4, seed=2, label="first", **FIRST),
    _layer("SpatialDropout3D", VOLUME, 0.4, seed=3),
    _layer("AlphaDropout", (6, 7), 0.3, seed=4),
    _layer("AlphaDropout", (6, 7, 2), 0.3, seed=4, label="noise-shape", noise_shape=(None, 1, 2)),
    _layer("GaussianNoise", (6, 7), 0.5, seed=5),
    _layer("GaussianDropout", (6, 7), 0.5, seed=6),
    _layer("ActivityRegularization", (6, 7), 0.1, 0.2),
]

ACTIVATIONS = [
    _layer("ReLU", (5, 6)),
    _layer("ReLU", (5, 6), 1.5, 0.1, 0.25, label="all"),
    _layer("LeakyReLU", (5, 6)),
    _layer("PReLU", (5, 6), alpha_initializer="he_normal"),
    _layer("PReLU", IMAGE, label="shared", alpha_initializer="ones", shared_axes=(1, 2)),
    _layer("ELU", (5, 6), 0.7),
    _layer("Softmax", (5, 6)),
    _layer("Softmax", IMAGE, (1, 2), label="axes"),
]

LAYERS = [*CONVOLUTIONS, *GRIDS, *NORMALIZATIONS, *NOISES, *ACTIVATIONS]


def _convolutional() -> Sequential:
    """Most of the kinds of layers above, small; the activations have no kinks."""
    model = Sequential(
        [
            layers.Conv2D(4, 3, activation="tanh", input_shape=(8, 8, 1)),
            layers.BatchNormalization(),
            layers.SeparableConv2D(6, 3, padding="same", strides=2, activation="swish"),
            layers.AveragePooling2D(2, padding="same"),
            layers.SpatialDropout2D(0.2, seed=1),
            layers.GaussianNoise(0.1, seed=2),
            layers.Flatten(),
            layers.LayerNormalization(),
            layers.Dense(3, "softmax"),
        ]
    )
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    return model


def _textures(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Stripes across, stripes down, and neither, in noise."""
    ids = rng.integers(0, 3, 400)
    wave = np.sin(np.arange(8) * 2.0)[None, :] + rng.normal(size=(400, 1)) * 0.1
    kinds = np.stack([wave[:, :, None] + 0 * wave[:, None], wave[:, None] + 0 * wave[:, :, None]])
    clean = np.where((ids < 2)[:, None, None], kinds[np.minimum(ids, 1), np.arange(400)], 0)
    return (clean + rng.normal(size=clean.shape))[..., None], np.eye(3)[ids]


NETS = [NetCase("convolutional", _convolutional, _textures, 16)]
