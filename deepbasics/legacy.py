"""Keras-1 and Keras-2 spellings: one table, one engine, one warning per spelling.

`RULES` says, for each family of callables, which keywords were once called something else;
`FAMILIES` says which families a layer, method or class belongs to. `modernise` applies them.
"""

import functools
import inspect
import numbers
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepbasics import errors, tree

PACKAGE = str(Path(__file__).parent) + os.sep
_warned: set[tuple[str, str]] = set()


class Rule(NamedTuple):
    """Old keywords that together give one value to the new ones; none: they have no effect."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    convert: Callable[..., object] = lambda value: value  # of the old ones; `None` where not given
    advice: str = ""  # where there is no modern spelling: why


def renamed(**pairs: str) -> list[Rule]:
    """A rule per `old="new"`."""
    return [Rule((old,), (new,)) for old, new in pairs.items()]


def dropped(advice: str, *old: str) -> list[Rule]:
    """Keywords that are accepted and have no effect."""
    return [Rule((name,), (), advice=advice) for name in old]


def prefixed(old: str, new: str) -> list[Rule]:
    """`W_regularizer` and `W_constraint` for `kernel_regularizer` and `kernel_constraint`."""
    parts = ("regularizer", "constraint")
    return [Rule((f"{old}_{part}",), (f"{new}_{part}",)) for part in parts]


def lookup(**values: object) -> Callable[[object], object]:
    """Translates the values named, leaves others."""
    return lambda value: values.get(value, value) if isinstance(value, str) else value


def sizes(*given: int | None) -> tuple[int, ...]:
    """Separate sizes to one tuple."""
    if None in given:
        raise TypeError("the sizes of a kernel come together: all of nb_row, nb_col, kernel_dim…")
    return given


def first_input(features: int | None, steps: int | None) -> tuple[int | None, ...]:
    """`input_dim` and `input_length` to `input_shape`."""
    return (features,) if steps is None else (steps, features)


DATA_FORMATS = lookup(tf="channels_last", th="channels_first", default=None)
NO_WORKERS = "data is read in the training process"

RULES: dict[str, list[Rule]] = {
    "layer": renamed(input_dtype="dtype"),
    "first": [Rule(("input_dim", "input_length"), ("input_shape",), first_input)],
    "weighted": [
        *renamed(init="kernel_initializer", bias="use_bias"),
        *prefixed("W", "kernel"),
        *prefixed("b", "bias"),
    ],
    "units": renamed(output_dim="units"),
    "rnn": [
        *renamed(inner_init="recurrent_initializer", inner_activation="recurrent_activation"),
        *renamed(dropout_W="dropout", dropout_U="recurrent_dropout"),
        *prefixed("U", "recurrent"),
        Rule(("forget_bias_init",), ("unit_forget_bias",), lambda name: name in ("one", "ones")),
        *dropped("the backend chooses how to compute it", "consume_less", "implementation"),
    ],
    "embedding": [
        *renamed(init="embeddings_initializer"),
        *prefixed("W", "embeddings"),
        *dropped("add SpatialDropout1D after it", "dropout"),
        Rule(("input_length",), ("input_shape",), lambda length: (length,)),
    ],
    "window": [
        *renamed(border_mode="padding", subsample="strides", atrous_rate="dilation_rate"),
        Rule(("dim_ordering",), ("data_format",), DATA_FORMATS),
    ],
    "conv": renamed(nb_filter="filters"),
    "1d": renamed(
        filter_length="kernel_size",
        subsample_length="strides",
        pool_length="pool_size",
        stride="strides",
        length="size",
    ),
    "2d": [Rule(("nb_row", "nb_col"), ("kernel_size",), sizes)],
    "3d": [Rule(("kernel_dim1", "kernel_dim2", "kernel_dim3"), ("kernel_size",), sizes)],
    "transpose": dropped("it follows from the input", "output_shape"),
    "separable": [
        Rule(("init",), ("depthwise_initializer", "pointwise_initializer")),
        *prefixed("b", "bias"),
        *renamed(bias="use_bias"),
    ],
    "depthwise": [
        *renamed(init="depthwise_initializer", bias="use_bias"),
        *prefixed("W", "depthwise"),
        *prefixed("b", "bias"),
    ],
    "dropout": renamed(p="rate"),
    "noise": renamed(sigma="stddev"),
    "leaky": renamed(alpha="negative_slope"),
    "prelu": renamed(init="alpha_initializer"),
    "batchnorm": [
        *renamed(beta_init="beta_initializer", gamma_init="gamma_initializer"),
        *dropped("features are normalised along axis", "mode", "fused"),
    ],
    "Model": renamed(input="inputs", output="outputs"),
    "fit": [
        *renamed(nb_epoch="epochs"),
        *dropped("compile(metrics=['accuracy']) shows it", "show_accuracy"),
        *dropped(NO_WORKERS, "workers", "max_queue_size", "use_multiprocessing"),
    ],
    "evaluate": [
        *dropped("compile(metrics=['accuracy']) shows it", "show_accuracy"),
        *dropped(NO_WORKERS, "workers", "max_queue_size", "use_multiprocessing"),
    ],
    "generator": [
        *renamed(generator="x", val_samples="steps"),
        *dropped(NO_WORKERS, "nb_worker", "max_q_size", "pickle_safe"),
    ],
    "compile": dropped("pass weights per step as they are", "sample_weight_mode", "class_mode"),
    "optimizer": renamed(lr="learning_rate"),
    "ReduceLROnPlateau": renamed(epsilon="min_delta"),
    "l1": renamed(l="l1"),
    "l2": renamed(l="l2"),
    "max_norm": renamed(m="max_value"),
    "Tokenizer": renamed(nb_words="num_words"),
    "to_categorical": renamed(nb_classes="num_classes"),
}

_DENSE = ("layer", "first", "weighted", "units")
_RNN = (*_DENSE, "rnn")
_CONV = ("layer", "first", "weighted", "window", "conv")
_POOL = ("layer", "first", "window")

FAMILIES: dict[str, tuple[str, ...]] = {
    "Dense": _DENSE,
    **dict.fromkeys(("SimpleRNN", "LSTM", "GRU"), _RNN),
    "Embedding": ("layer", "embedding"),
    "Conv1D": (*_CONV, "1d"),
    "Conv2D": (*_CONV, "2d"),
    "Conv3D": (*_CONV, "3d"),
    "Conv1DTranspose": (*_CONV, "1d", "transpose"),
    "Conv2DTranspose": (*_CONV, "2d", "transpose"),
    "Conv3DTranspose": (*_CONV, "3d", "transpose"),
    "DepthwiseConv1D": ("layer", "first", "depthwise", "window", "1d"),
    "DepthwiseConv2D": ("layer", "first", "depthwise", "window", "2d"),
    "SeparableConv1D": ("layer", "first", "separable", "window", "conv", "1d"),
    "SeparableConv2D": ("layer", "first", "separable", "window", "conv", "2d"),
    **dict.fromkeys(("MaxPooling1D", "AveragePooling1D", "UpSampling1D"), (*_POOL, "1d")),
    **dict.fromkeys(
        (
            *("Dropout", "GaussianDropout", "AlphaDropout"),
            *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
        ),
        ("layer", "first", "dropout"),
    ),
    "GaussianNoise": ("layer", "first", "noise"),
    "LeakyReLU": ("layer", "first", "leaky"),
    "PReLU": ("layer", "first", "prelu"),
    "BatchNormalization": ("layer", "first", "batchnorm"),
    **dict.fromkeys(
        (
            *("MaxPooling2D", "AveragePooling2D", "MaxPooling3D", "AveragePooling3D"),
            *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
            *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
            *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
            *("Cropping1D", "Cropping2D", "Cropping3D", "UpSampling2D", "UpSampling3D"),
        ),
        _POOL,
    ),
    **dict.fromkeys(
        (
            *("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Adamax", "Nadam"),
            *("Lion", "Ftrl", "Lamb", "Adafactor"),
        ),
        ("optimizer",),
    ),
    "fit_generator": ("generator", "fit"),
    "evaluate_generator": ("generator", "evaluate"),
    "predict": ("evaluate",),
    "predict_generator": ("generator", "evaluate"),
    "L1": ("l1",),
    "L2": ("l2",),
    "MaxNorm": ("max_norm",),
}

LAYER_NAMES: dict[str, str] = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
}


# Names of Keras 1 whose kernel has so many lengths, given one by one: Convolution2D(32, 3, 3).
LENGTHS_OF_KERNELS = {
    "Convolution2D": 2,
    "Convolution3D": 3,
    "AtrousConvolution2D": 2,
    "Deconvolution2D": 2,
    "Deconvolution3D": 3,
    "SeparableConvolution2D": 2,
}


def lengths_one_by_one(name: str, layer: Callable[..., object]) -> Callable[..., object]:
    """The constructor of a layer, which under this old name took the kernel's lengths apart."""
    rank = LENGTHS_OF_KERNELS[name]

    @functools.wraps(layer, updated=())
    def make(*args: object, **keywords: object) -> object:
        lengths = args[1 : 1 + rank]
        if len(lengths) == rank and all(isinstance(n, int) for n in lengths):
            rest = args[1 + rank :]
            if "Deconvolution" in name:
                rest = rest[1:]  # the shape of the output, which follows from the input
            _warn_once(name, ["nb_row"], {"kernel_size": lengths}, "")
            args = (args[0], lengths)
            keywords |= dict(zip(("kernel_initializer", "activation"), rest, strict=False))
        return layer(*args, **keywords)

    return make


def rules(where: str) -> list[Rule]:
    """The rules for a layer, method or class; one that no table names has a plain layer's."""
    families = FAMILIES.get(where) or ((where,) if where in RULES else ("layer", "first"))
    return [rule for family in families for rule in RULES[family]]


def modernise(where: str, keywords: Mapping[str, object], valid: Collection[str] = ()) -> dict:
    """The keywords of a call in today's spelling, with one `DeprecationWarning` per old one.

    Args:
        where: the class or method called: `"Dense"`, `"fit"`.
        keywords: as the caller wrote them.
        valid: keywords that `where` still takes, which no rule may touch.

    Raises:
        TypeError: an old and a modern spelling of one argument were both given.

    >>> modernise("Dense", {"units": 4, "activation": "relu"})
    {'units': 4, 'activation': 'relu'}
    """
    modern = dict(keywords)
    for rule in rules(where):
        used = [name for name in rule.old if name in modern and name not in valid]
        if not used:
            continue
        values = [modern.pop(name, None) for name in rule.old]
        for new in rule.new:
            if new in modern:
                raise TypeError(f"{where} got both {new!r} and its old spelling {used[0]!r}.")
        replaced = dict.fromkeys(rule.new, rule.convert(*values))
        modern |= replaced
        _warn_once(where, used, replaced, rule.advice)
    return modern


def _warn_once(where: str, used: list[str], replaced: dict, advice: str) -> None:
    key = (where, "+".join(used))
    if key in _warned:
        return
    old = f"{where}({', '.join(f'{name}=…' for name in used)})"
    new = ", ".join(f"{name}={value!r}" for name, value in replaced.items())
    text = f"{old} is an old spelling: write {new}." if new else f"{old} has no effect: {advice}."
    warnings.warn(text, DeprecationWarning, stacklevel=level_of_caller())
    _warned.add(key)  # only now: where warnings are errors, every use is one


def compile_arguments(loss_weights: object, metrics: object) -> tuple[object, object]:
    """(loss_weights, metrics), of which Keras 1 and 2 had the second first.

    Raises TypeError for weights that are neither numbers nor metrics.
    """
    leaves = tree.flatten(loss_weights)
    strange = [w for w in leaves if w is not None and not isinstance(w, (numbers.Real, np.ndarray))]
    if not strange:
        return loss_weights, metrics
    if metrics is not None or not all(isinstance(w, str) or callable(w) for w in leaves):
        raise TypeError(
            f"loss_weights takes a number for each output; got {strange[0]!r}. The order of "
            "compile is optimizer, loss, loss_weights, metrics."
        )
    _warn_once("compile", ["optimizer", "loss", "metrics"], {"metrics": loss_weights}, "")
    return None, loss_weights


def level_of_caller() -> int:
    """The `stacklevel` at which its caller sees the first frame outside this package."""
    frame, level = sys._getframe(2), 2
    while frame.f_back and frame.f_code.co_filename.startswith(PACKAGE):
        frame, level = frame.f_back, level + 1
    return level


def check_keywords(where: str, given: Iterable[str], valid: Collection[str]) -> None:
    """Refuses keywords that `where` does not take, with the nearest that it does.

    >>> check_keywords("Dense", ["unit"], ["units", "activation"])
    Traceback (most recent call last):
    TypeError: Dense got an unexpected argument 'unit'. Did you mean 'units'? It takes: \
activation, units.
    """
    for name in given:
        if name not in valid:
            raise TypeError(
                f"{where} got an unexpected argument {name!r}.{errors.nearest(name, valid)} "
                f"It takes: {', '.join(sorted(valid))}."
            )


def keywords(where: str, also: Iterable[str] = ()) -> Callable[[Callable], Callable]:
    """Decorates a function or an `__init__` so that it takes old spellings and names unknown ones.

    `also` are keywords that it hands on through its own `**kwargs`.
    """

    def decorate(function: Callable) -> Callable:
        parameters = inspect.signature(function).parameters.values()
        takes = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        takes = (takes | set(also)) - {"self"}

        @functools.wraps(function)
        def call(*args: object, **kwargs: object) -> object:
            if not kwargs.keys() <= takes:
                kwargs = modernise(where, kwargs, takes)
                check_keywords(where, kwargs, takes)
            return function(*args, **kwargs)

        return call

    return decorate
