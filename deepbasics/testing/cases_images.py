"""Rows of the table for ops on images: `image.resize` is `ops.image.resize`."""

from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.testing.case import Case, Draw

COLOURS = Draw("2 5 6 3", low=0.05, high=0.95)
IMAGES, ONE, VOLUMES = Draw("2 5 6 a"), Draw("5 6 a"), Draw("a 4 5 3 2")
FIRST = Draw("2 a 5 6")
CORNERS = np.array([[0, 0], [5, 0], [0, 4], [5, 4]], "float32")
POINTS = Draw("2 4 2", low=-0.4, high=0.4, grad=False)  # pixels are no smooth function of them
HUES, SHARES = Draw("2 5 6", low=0.18, high=0.32), Draw("2 5 6", low=0.05, high=0.95)
TURN = np.array([[1.0, 0.13, 0.47, 0.06, 1.1, -0.31, 0.01, 0.02]] * 2)


def _row(name: str, *draws: Draw, label: str = "", kind: str = "reduction", **settings: Any):
    function = getattr(ops.image, name)
    return Case(f"image.{name}", draws, function, settings, kind, empty="", label=label)


def _seen(images: Any, moved: Any) -> Any:
    """Images seen so that their corners lie beside where they were."""
    corners = ops.cast(CORNERS, ops.dtype(moved))
    start = ops.broadcast_to(corners, moved.shape)
    return ops.image.perspective_transform(images, start, corners + moved)


def _mixed(hue: Any, saturation: Any, value: Any) -> Any:
    return ops.image.hsv_to_rgb(ops.stack([hue, saturation, value], axis=-1))


DERIVED = [
    _row("resize", IMAGES, size=(3, 8)),
    _row("resize", ONE, size=(7, 4), label="cubic", interpolation="bicubic", antialias=True),
    _row("resize", IMAGES, size=(4, 4), label="nearest", kind="exact", interpolation="nearest",
         crop_to_aspect_ratio=True),
    _row("resize", FIRST, size=(9, 4), label="first", interpolation="lanczos3",
         pad_to_aspect_ratio=True, data_format="channels_first"),
    _row("scale_and_translate", IMAGES, output_shape=(2, 7, 4, 2), scale=[1.3, 0.6],
         translation=[0.2, -0.4], spatial_dims=(1, 2), method="bilinear"),
    _row("affine_transform", IMAGES, transform=TURN, fill_mode="reflect"),
    _row("affine_transform", ONE, transform=TURN[0], label="nearest", kind="exact",
         interpolation="nearest", fill_value=0.5),
    Case("image.perspective_transform", (IMAGES, POINTS), _seen, {}, "reduction", empty=""),
    _row("map_coordinates", Draw("5 6"), Draw("2 k", low=-3, high=9), order=1, fill_mode="mirror"),
    _row("map_coordinates", Draw("5 6"), Draw("2 k", low=-3, high=9, grad=False), label="nearest",
         kind="exact", order=0, fill_mode="wrap"),
    _row("elastic_transform", IMAGES, alpha=3.0, sigma=1.0, seed=4),
    _row("gaussian_blur", IMAGES, kernel_size=(3, 5), sigma=(1.0, 1.5)),
    _row("sobel_edges", ONE),
    _row("ssim", COLOURS, COLOURS, filter_size=3, filter_sigma=1.0),
    _row("extract_patches", IMAGES, size=(2, 3), kind="exact"),
    _row("extract_patches", FIRST, size=3, strides=1, label="same", kind="exact", padding="same",
         data_format="channels_first"),
    _row("extract_patches_3d", VOLUMES, size=(2, 2, 1), kind="exact", strides=1),
    _row("crop_images", IMAGES, top_cropping=1, left_cropping=2, target_height=3, target_width=3,
         kind="exact"),
    _row("pad_images", IMAGES, top_padding=1, left_padding=2, target_height=8, target_width=9,
         kind="exact"),
    _row("rgb_to_grayscale", COLOURS),
    _row("rgb_to_hsv", COLOURS),
    Case("image.hsv_to_rgb", (HUES, SHARES, SHARES), _mixed, {}, "reduction", empty=""),
]  # fmt: skip
