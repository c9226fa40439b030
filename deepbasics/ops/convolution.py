"""Convolutions over one, two or three spatial axes; cross-correlations, as everywhere in networks.

Inputs are (batch, *spatial, channels) or, with data_format="channels_first", (batch, channels,
*spatial), and so is the result; kernels are the same for both. `strides` and `dilation_rate` are an
int or one for each spatial axis. For `padding` see `windows.padding_pairs`.
"""

import math
from typing import Any

from deepbasics.ops.call import call, dtype_of, float_tensor, tensor
from deepbasics.ops.shape import moveaxis, reshape
from deepbasics.ops.windows import (
    check_data_format,
    check_padding,
    output_lengths,
    padding_pairs,
    sizes,
    transposed_lengths,
    transposed_padding,
)

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "max_pool",
    "separable_conv",
]

Tensor = Any


def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    bias: Any = None,
) -> Tensor:
    """`y[j, f] = Σ_(i, c) x[j s + i d - before, c] k[i, c, f] + bias[f]`.

    Args:
        inputs: floats (batch, *spatial, channels).
        kernel: (*window, channels / groups, filters). Fewer channels than the inputs have mean
            groups: filter f sees the group f // (filters / groups).
        bias: (filters,), added; default none.

    Raises ValueError if ranks, channels or groups do not fit, or a window is larger than the input.

    >>> conv([[[1.0], [2.0], [4.0]]], [[[1.0]], [[10.0]]]).tolist()
    [[[21.0], [42.0]]]
    """
    rank, x, kernel, b = _operands("conv", inputs, kernel, data_format, bias)
    channels, expected, filters = x.shape[-1], kernel.shape[-2], kernel.shape[-1]
    if not expected or channels % expected or filters % (channels // expected or 1):
        raise ValueError(
            f"conv: a kernel of shape {tuple(kernel.shape)} sees {expected} channels in each group "
            f"and has {filters} filters; the inputs have {channels} channels. The channels must be "
            "a multiple of those of the kernel, and the filters of the number of groups, which is "
            "the quotient."
        )
    how = _how("conv", x, kernel, rank, strides, padding, dilation_rate)
    operands = (x, kernel) if b is None else (x, kernel, b)
    return _back(call("conv", *operands, groups=channels // expected, **how), data_format)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    bias: Any = None,
) -> Tensor:
    """Each channel by itself: `y[j, c m + i] = Σ_t x[j s + t d - before, c] k[t, c, i]`.

    kernel: (*window, channels, multiplier); the result has channels × multiplier channels.
    """
    rank, x, kernel, b = _operands("depthwise_conv", inputs, kernel, data_format, bias)
    *window, channels, multiplier = kernel.shape
    if x.shape[-1] != channels:
        raise ValueError(
            f"depthwise_conv: a kernel of shape {tuple(kernel.shape)} is for {channels} channels; "
            f"the inputs have {x.shape[-1]}."
        )
    how = _how("depthwise_conv", x, kernel, rank, strides, padding, dilation_rate)
    kernel = reshape(kernel, (*window, 1, channels * multiplier))
    operands = (x, kernel) if b is None else (x, kernel, b)
    return _back(call("conv", *operands, groups=channels, **how), data_format)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    bias: Any = None,
) -> Tensor:
    """A depthwise convolution, then one with a window of 1 that mixes the channels.

    depthwise_kernel: (*window, channels, multiplier); pointwise_kernel: (*ones, channels ×
    multiplier, filters). Source: Chollet, "Xception", 2017.
    """
    y = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(y, pointwise_kernel, data_format=data_format, bias=bias)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
    bias: Any = None,
) -> Tensor:
    """The adjoint of `conv` with the same padding: `y[j s + i d - before] += x[j] k[i]ᵀ`.

    Args:
        inputs: floats (batch, *spatial, channels).
        kernel: (*window, filters, channels): that of a convolution from filters to channels.
        output_padding: how many places more after the last, below the stride; None gives
            "same" n s and "valid" n s + max(k - s, 0) places.

    Source: Zeiler et al., "Deconvolutional networks", 2010.
    """
    rank, x, kernel, b = _operands("conv_transpose", inputs, kernel, data_format, bias)
    if x.shape[-1] != kernel.shape[-1]:
        raise ValueError(
            f"conv_transpose: a kernel of shape {tuple(kernel.shape)} is for "
            f"{kernel.shape[-1]} channels; the inputs have {x.shape[-1]}."
        )
    window = tuple(kernel.shape[:-2])
    padding = check_padding(padding)
    steps = sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    more = None if output_padding is None else sizes(output_padding, rank, "output_padding", 0)
    check_output_padding("conv_transpose", more, steps)
    spatial = tuple(x.shape[1:-1])
    out = transposed_lengths(spatial, window, steps, padding, more, dilation)
    y = call(
        "conv_input_grad",
        x,
        kernel,
        spatial=out,
        strides=steps,
        padding=transposed_padding(spatial, out, window, steps, padding, dilation),
        dilation=dilation,
        groups=1,
    )
    return _back(y if b is None else call("add", y, b), data_format)


def check_output_padding(where: str, more: tuple[int, ...] | None, strides: Any) -> None:
    """ValueError unless each output padding is below its stride."""
    if more is not None and any(m >= s for m, s in zip(more, strides, strict=True)):
        raise ValueError(
            f"{where}: output_padding must be below the stride, or its last places see no input; "
            f"got output_padding={more} with strides={tuple(strides)}."
        )


def check_strides_and_dilation(where: str, strides: Any, dilation: Any) -> None:
    """ValueError if both skip places."""
    if max(strides) > 1 and max(dilation) > 1:
        raise ValueError(
            f"{where}: strides > 1 and dilation_rate > 1 do not go together; got "
            f"strides={tuple(strides)}, dilation_rate={tuple(dilation)}. Set one of them to 1."
        )


def _operands(name: str, inputs: Any, kernel: Any, data_format: str | None, bias: Any) -> tuple:
    """(rank, inputs with the channels last, kernel, bias), in one dtype."""
    x = float_tensor(inputs)
    kernel, b = (v if v is None else tensor(v, dtype_of(x)) for v in (kernel, bias))
    rank = len(x.shape) - 2
    if rank not in (1, 2, 3) or len(kernel.shape) != rank + 2:
        raise ValueError(
            f"{name}: inputs (batch, *spatial, channels) with 1 to 3 spatial axes need a kernel "
            f"with as many axes; got shapes {tuple(x.shape)} and {tuple(kernel.shape)}."
        )
    return rank, channels_last(x, data_format), kernel, b


def _how(
    name: str, x: Tensor, kernel: Any, rank: int, strides: Any, padding: str, dilation_rate: Any
) -> dict[str, Any]:
    """The settings of the primitive."""
    window, spatial = tuple(kernel.shape[:-2]), tuple(x.shape[1:-1])
    padding = check_padding(
        padding, ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    )
    steps = sizes(strides, rank, "strides")
    dilation = sizes(dilation_rate, rank, "dilation_rate")
    check_strides_and_dilation(name, steps, dilation)
    output_lengths(spatial, window, steps, padding, dilation, name)
    padded = padding_pairs(spatial, window, steps, padding, dilation)
    return {"strides": steps, "padding": padded, "dilation": dilation}


def channels_last(x: Tensor, data_format: str | None) -> Tensor:
    """A view of the inputs with the channels last."""
    return x if check_data_format(data_format) == "channels_last" else moveaxis(x, 1, -1)


def _back(y: Tensor, data_format: str | None) -> Tensor:
    return y if check_data_format(data_format) == "channels_last" else moveaxis(y, -1, 1)


# pooling ------------------------------------------------------------------------------------------


def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The largest of each window; its cotangent goes to the first place that has it.

    `strides` None is the size of the window. Padding never is the largest.
    """
    return _pool("max_pool", inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """The mean of each window over the cells that are not padding; `strides` None: its size."""
    return _pool("average_pool", inputs, pool_size, strides, padding, data_format)


def _pool(
    name: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Tensor:
    x = float_tensor(inputs)
    rank = len(x.shape) - 2
    if rank not in (1, 2, 3):
        raise ValueError(
            f"{name}: inputs must be (batch, *spatial, channels) with 1 to 3 spatial axes; got "
            f"shape {tuple(x.shape)}."
        )
    x = channels_last(x, data_format)
    window = sizes(pool_size, rank, "pool_size")
    steps = window if strides is None else sizes(strides, rank, "strides")
    padding, once = check_padding(padding), (1,) * rank
    spatial = tuple(x.shape[1:-1])
    output_lengths(spatial, window, steps, padding, once, name)
    padded = padding_pairs(spatial, window, steps, padding, once)
    return _back(call(name, x, window=window, strides=steps, padding=padded), data_format)


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The largest of each part, the axes cut into `output_size` parts of nearly equal length."""
    return _adaptive("max", inputs, output_size, data_format)


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Tensor:
    """The mean of each part, the axes cut into `output_size` parts of nearly equal length.

    Part i of m goes from floor(i n / m) to ceil((i + 1) n / m).
    """
    return _adaptive("mean", inputs, output_size, data_format)


def _adaptive(name: str, inputs: Any, output_size: Any, data_format: str | None) -> Tensor:
    from deepbasics.ops import reduction
    from deepbasics.ops.shape import concatenate, get_item

    x = channels_last(float_tensor(inputs), data_format)
    parts = sizes(output_size, len(x.shape) - 2, "output_size")
    reduce = getattr(reduction, name)
    for axis, m in enumerate(parts, 1):
        n, before = x.shape[axis], (slice(None),) * axis
        ends = [(i * n // m, math.ceil((i + 1) * n / m)) for i in range(m)]
        pieces = [
            reduce(get_item(x, (*before, slice(a, b))), axis=axis, keepdims=True) for a, b in ends
        ]
        x = concatenate(pieces, axis=axis)
    return _back(x, data_format)
