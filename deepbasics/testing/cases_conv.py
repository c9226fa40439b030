"""The table of cases for convolution, pooling and normalisation: primitives, ops and layers."""

from collections.abc import Callable, Mapping
from typing import Any

from deepbasics import ops
from deepbasics.testing.case import Case, Draw

Lengths = Callable[[Mapping[str, int]], tuple[Any, ...]]


def _primitive(op: str, *draws: Draw, label: str = "", kind: str = "reduction", **how: Any) -> Case:
    return Case(op, draws, _by_name, how, kind, True, "n", label, True)


def _by_name(*_: Any) -> None:
    raise NotImplementedError("a primitive is called by its name")


def _op(op: str, *draws: Draw, label: str = "", kind: str = "reduction", **settings: Any) -> Case:
    return Case(op, draws, getattr(ops, op), settings, kind, True, "", label)


# primitives: padding grows with the window, so that any lengths fit -------------------------------


def _lengths(letters: str) -> Lengths:
    return lambda sizes: tuple(sizes[c] for c in letters.split())


def _how(
    window: str, stride: int = 1, dilation: int = 1, groups: int = 1, after: int = 0
) -> dict[str, Any]:
    """The settings of a convolution; the axes of its window are letters or numbers."""
    axes = window.split()

    def padding(sizes: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
        longest = [int(a) if a.isdigit() else sizes[a] for a in axes]
        return tuple(((k - 1) * dilation, after) for k in longest)

    return {
        "strides": (stride,) * len(axes),
        "dilation": (dilation,) * len(axes),
        "padding": padding,
        "groups": groups,
    }


def _pool(window: str, stride: int) -> dict[str, Any]:
    """The settings of a pool whose windows reach beyond both ends."""
    axes = window.split()
    return {
        "window": _lengths(window),
        "strides": (stride,) * len(axes),
        "padding": lambda sizes: tuple((sizes[a] - 1, (sizes[a] - 1) // 2) for a in axes),
    }


def _strided(letters: str, stride: int, more: int) -> Lengths:
    """Lengths that a convolution with such padding takes to these; `more` that no window sees."""
    return lambda sizes: tuple((sizes[c] - 1) * stride + 1 + more for c in letters.split())


IMAGE, KERNEL, MAPS = Draw("n h w a"), Draw("p q a b"), Draw("n h w b")
# No two values of a window are nearly alike.
FAR, FAR_FIRST = Draw("n h w a", -500, 500), Draw("n a h w", -500, 500)
ALIKE = Draw("n 5 6 2", low=1, high=1)  # the largest is everywhere: the first place has it

CONVOLUTIONS = [
    _primitive("conv", IMAGE, KERNEL, **_how("p q", after=1)),
    _primitive("conv", IMAGE, KERNEL, Draw("b"), label="bias-stride", **_how("p q", 2, after=1)),
    _primitive("conv", IMAGE, KERNEL, label="dilation", **_how("p q", dilation=2)),
    _primitive("conv", Draw("n h 6"), Draw("p 2 9"), label="groups-1d", **_how("p", groups=3)),
    _primitive("conv", Draw("n h w 3"), Draw("p q 1 6"), Draw("6"), label="depthwise",
               **_how("p q", 2, groups=3)),
    _primitive("conv", Draw("n 4 h w 2"), Draw("2 p 2 2 3"), label="3d", **_how("2 p 2")),
    _primitive("conv", Draw("n h w 1"), Draw("p q 1 b"), label="one-channel", **_how("p q")),
    _primitive("conv_input_grad", MAPS, KERNEL, spatial=_strided("h w", 1, 0), **_how("p q")),
    _primitive("conv_input_grad", MAPS, KERNEL, label="stride", spatial=_strided("h w", 3, 2),
               **_how("p q", 3)),
    _primitive("conv_input_grad", Draw("n h 6"), Draw("p 2 6"), label="groups-1d",
               spatial=_strided("h", 1, 0), **_how("p", dilation=2, groups=3)),
    _primitive("conv_input_grad", Draw("n h w 6"), Draw("p q 1 6"), label="depthwise",
               spatial=_strided("h w", 2, 1), **_how("p q", 2, groups=3)),
    _primitive("conv_kernel_grad", IMAGE, MAPS, window=_lengths("p q"), **_how("p q")),
    _primitive("conv_kernel_grad", Draw("n h 6"), Draw("n h 9"), label="groups-1d",
               window=_lengths("p"), **_how("p", dilation=2, groups=3)),
    _primitive("conv_kernel_grad", Draw("n h w 3"), Draw("n h w 6"), label="depthwise",
               window=_lengths("p q"), **_how("p q", groups=3)),
    _primitive("conv_kernel_grad", Draw("n 7 4 a"), Draw("n 4 2 b"), label="stride",
               window=(3, 2), **_how("3 2", 2)),
]  # fmt: skip

POOLS = [
    _primitive("max_pool", FAR, kind="exact", **_pool("p q", 2)),
    _primitive("max_pool", Draw("n 7 a", -500, 500), kind="exact", label="1d",
               window=(2,), strides=(2,), padding=((0, 0),)),
    _primitive("max_pool", Draw("n 4 h 5 2", -500, 500), kind="exact", label="3d",
               **_pool("p q p", 1)),
    _primitive("max_pool_scatter", Draw("n 3 3 2"), ALIKE, Draw("n 3 3 2", low=1, high=1),
               window=(3, 2), strides=(2, 2), padding=((1, 1), (0, 0))),
    _primitive("max_pool_scatter", Draw("n 2 3 2"), ALIKE, Draw("n 2 3 2", low=1, high=1),
               label="apart", window=(2, 2), strides=(2, 2), padding=((0, 0), (0, 0))),
    _primitive("max_pool_pick", Draw("n 5 6 2"), ALIKE, Draw("n 3 3 2", low=1, high=1),
               kind="exact", window=(3, 2), strides=(2, 2), padding=((1, 1), (0, 0))),
    _primitive("average_pool", IMAGE, **_pool("p q", 2)),
    _primitive("average_pool", Draw("n 7 a"), label="1d", window=(3,), strides=(2,),
               padding=((1, 1),)),
    _primitive("average_pool", Draw("n 4 h 5 2"), label="3d", **_pool("p q p", 1)),
    _primitive("average_pool_spread", Draw("n 3 3 a"), spatial=(5, 6), window=(3, 2),
               strides=(2, 2), padding=((1, 1), (0, 0))),
    _primitive("average_pool_spread", Draw("n 3 a"), label="1d", spatial=(6,), window=(3,),
               strides=(2,), padding=((0, 1),)),
]  # fmt: skip

PRIMITIVES = [*CONVOLUTIONS, *POOLS]

# public ops ---------------------------------------------------------------------------------------

SEQUENCE = Draw("n h a")
FIRST = Draw("n a h w")

DERIVED = [
    _op("conv", IMAGE, KERNEL),
    _op("conv", IMAGE, KERNEL, label="same", strides=2, padding="same"),
    _op("conv", SEQUENCE, Draw("p a b"), label="causal", padding="causal", dilation_rate=2),
    _op("conv", FIRST, KERNEL, label="channels-first", data_format="channels_first"),
    _op("conv", Draw("n h w 4"), Draw("p q 2 6"), label="groups", padding="same"),
    _op("conv_transpose", MAPS, KERNEL, strides=2),
    _op("conv_transpose", MAPS, KERNEL, label="same", strides=(2, 3), padding="same"),
    _op("conv_transpose", Draw("n b h w"), KERNEL, label="output-padding", strides=2,
        padding="same", output_padding=1, data_format="channels_first"),
    _op("depthwise_conv", IMAGE, KERNEL, padding="same"),
    _op("separable_conv", IMAGE, KERNEL, Draw("1 1 6 m"), strides=2),
    _op("max_pool", FAR, pool_size=2),
    _op("max_pool", FAR_FIRST, label="same", pool_size=(3, 2), strides=2, padding="same",
        data_format="channels_first"),
    _op("average_pool", IMAGE, pool_size=2),
    _op("average_pool", SEQUENCE, label="same", pool_size=3, strides=2, padding="same"),
    _op("adaptive_max_pool", FAR, output_size=(4, 2)),
    _op("adaptive_average_pool", IMAGE, output_size=3),
    Case("batch_normalization",
         (Draw("n m k"), Draw("k"), Draw("k", low=0.5), Draw("k"), Draw("k")),
         lambda *xs: ops.batch_normalization(*xs[:3], -1, *xs[3:]), kind="reduction", empty=""),
    _op("batch_normalization", Draw("n k m"), Draw("k"), Draw("k", low=0.5), label="axis", axis=1),
    _op("layer_normalization", Draw("n m k"), Draw("k"), Draw("k")),
    _op("layer_normalization", Draw("n m k"), label="two", axis=(0, 2), epsilon=1e-3),
    _op("rms_normalization", Draw("n m k"), Draw("k")),
    _op("rms_normalization", Draw("n m k"), Draw("m"), label="axis", axis=1, epsilon=1e-3),
]  # fmt: skip
