"""The table of cases for layers of sequences: merging, embedding, recurrence, attention."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepbasics import layers
from deepbasics.testing.networks import LayerCase

Shape = tuple[int, ...]
MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 1, 1]], bool)
FULL = {"return_sequences": True, "return_state": True}
BACK = {"go_backwards": True, **FULL}


@dataclass(frozen=True)
class SequenceCase(LayerCase):
    """A layer of several inputs, of ids (`below`), with further arguments of the call (`given`).

    `whole`: the ids are floats.

    `shape` has the shape of each input; `takes` says how the call takes them: "list", "each", or
    "states" for those after the first.
    """

    below: int = 0
    whole: bool = False
    given: Any = None
    takes: str = "list"
    maker: Callable[[], Any] | None = None

    def make(self) -> Any:
        """The layer."""
        return super().make() if self.maker is None else self.maker()

    def draw(self, rng: np.random.Generator) -> list[np.ndarray]:
        """The inputs."""
        shapes = self.shape if isinstance(self.shape[0], tuple) else (self.shape,)
        if self.below:
            ids = [rng.integers(0, self.below, shape) for shape in shapes]
            return [x.astype("float64") for x in ids] if self.whole else ids
        return [rng.uniform(-2, 2, shape) for shape in shapes]

    def apply(self, layer: Any, inputs: list[Any]) -> Any:
        """What the layer makes of them."""
        given = self.given or {}
        if self.takes == "each":
            return layer(*inputs, **given)
        if self.takes == "states":
            return layer(inputs[0], inputs[1:], **given)
        one = not isinstance(self.shape[0], tuple)
        return layer(inputs[0] if one else inputs, **given)


def _layer(
    name: str, shape: Any, *arguments: Any, label: str = "", how: Any = None, **settings: Any
) -> SequenceCase:
    return SequenceCase(name, shape, arguments, settings, label, **(how or {}))


class _Function:
    """Makes nothing: the function of that name stands for a layer."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> Any:
        """The function, with the weights of a layer that has none."""
        function = getattr(layers, self.name)

        class Around(layers.Layer):
            def call(self, inputs: Any) -> Any:
                return function(inputs)

        return Around()


PAIR, THREE = ((3, 2, 4), (3, 2, 4)), ((3, 2, 4), (3, 1, 4), (3, 4))

MERGING = [
    *(_layer(name, THREE) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")),
    _layer("Subtract", PAIR),
    *(_layer("Concatenate", PAIR, axis, label=str(axis)) for axis in (-1, 1)),
    _layer("Dot", PAIR, -1),
    _layer("Dot", ((3, 2, 4), (3, 5, 2)), (1, 2), label="axes"),
    _layer("Dot", ((3, 4), (3, 4)), 1, label="rows", normalize=True),
    *(SequenceCase(name, PAIR if name != "dot" else ((3, 4), (3, 4)), maker=_Function(name))
      for name in ("add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate",
                   "dot")),
]  # fmt: skip

IDS = [
    _layer("Embedding", (3, 5), 7, 4, how={"below": 7}),
    _layer("Embedding", (40, 5), 3, 2, label="often", how={"below": 3}, mask_zero=True),
    _layer("Masking", (3, 5, 4)),
    _layer("Masking", (3, 5, 2), 1.0, label="value", how={"below": 2, "whole": True}),
]

STEPS = (3, 5, 4)
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}


def _recurrent(name: str) -> list[SequenceCase]:
    states = (STEPS, *[(3, 2)] * STATES[name])
    return [
        _layer(name, STEPS, 2),
        _layer(name, STEPS, 2, label="all", **FULL),
        _layer(name, STEPS, 2, label="back", **BACK),
        _layer(name, STEPS, 2, label="masked", how={"given": {"mask": MASK}}, **FULL),
        _layer(name, STEPS, 2, label="masked-back", how={"given": {"mask": MASK}}, **BACK),
        _layer(name, states, 2, label="states", how={"takes": "states"}, **FULL),
        _layer(name, states, 2, label="masked-states",
               how={"takes": "states", "given": {"mask": MASK}}, **FULL),
        _layer(name, STEPS, 2, label="unroll", unroll=True, **FULL),
        _layer(name, STEPS, 2, label="unroll-masked", how={"given": {"mask": MASK}}, unroll=True,
               **BACK),
        _layer(name, STEPS, 2, label="no-bias", use_bias=False),
        _layer(name, STEPS, 2, "softsign", label="activation"),
        _layer(name, STEPS, 2, label="dropout", dropout=0.4, seed=3),
        _layer(name, STEPS, 2, label="recurrent-dropout", dropout=0.4, recurrent_dropout=0.3,
               seed=3, **FULL),
    ]  # fmt: skip


def _rnn(*cells: str, **settings: Any) -> Callable[[], Any]:
    return lambda: layers.RNN([getattr(layers, cell)(3) for cell in cells], **settings)


def _around(wrapper: str, inner: str, *arguments: Any, how: Any = None, **settings: Any) -> Any:
    return lambda: getattr(layers, wrapper)(
        getattr(layers, inner)(*arguments, **(how or {})), **settings
    )


RECURRENT = [
    *(case for name in STATES for case in _recurrent(name)),
    _layer("GRU", STEPS, 2, label="reset-before", reset_after=False, **FULL),
    _layer("GRU", STEPS, 2, label="reset-before-dropout", reset_after=False, dropout=0.2,
           recurrent_dropout=0.3, seed=3),
    _layer("LSTM", STEPS, 2, label="gate", recurrent_activation="hard_sigmoid"),
    SequenceCase("RNN", STEPS, maker=_rnn("LSTMCell", "GRUCell"), label="stacked"),
    SequenceCase("RNN", STEPS, maker=_rnn("SimpleRNNCell", **FULL), given={"mask": MASK},
                 label="masked"),
    SequenceCase("StackedRNNCells", STEPS, maker=_rnn("GRUCell", "SimpleRNNCell")),
    *(SequenceCase(f"{name}Cell", ((3, 4), *[(3, 2)] * n), (2,), takes="states")
      for name, n in STATES.items()),
    *(SequenceCase("Bidirectional", STEPS, label=f"{name}-{mode}-{label}", given=given,
                   maker=_around("Bidirectional", name, 2, how=how, merge_mode=mode))
      for name, mode, label, given, how in (
          ("LSTM", "concat", "last", None, None), ("GRU", "sum", "all", None, FULL),
          ("SimpleRNN", "ave", "masked", {"mask": MASK}, None),
          ("LSTM", "mul", "masked", {"mask": MASK}, FULL), ("GRU", None, "all", None, FULL))),
    SequenceCase("TimeDistributed", STEPS, maker=_around("TimeDistributed", "Dense", 3)),
    SequenceCase("TimeDistributed", (2, 3, 5, 4), maker=_around("TimeDistributed", "LSTM", 3),
                 label="LSTM"),
    _layer("ConvLSTM1D", (2, 3, 6, 2), 2, 3, label="strides", strides=2, padding="same", **FULL),
    _layer("ConvLSTM2D", (2, 3, 4, 5, 2), 2, 2),
    _layer("ConvLSTM2D", (2, 3, 2, 4, 5), 2, 2, label="first", data_format="channels_first",
           dropout=0.2, recurrent_dropout=0.3, seed=3, **BACK),
    _layer("ConvLSTM2D", (3, 5, 3, 3, 1), 2, 2, label="masked", how={"given": {"mask": MASK}},
           use_bias=False, return_sequences=True),
    _layer("ConvLSTM3D", (2, 2, 3, 3, 3, 1), 2, 2),
    SequenceCase("Wrapper", STEPS, maker=_around("Wrapper", "Dense", 3)),
]  # fmt: skip

QUERY, SOURCE = (2, 5, 4), (2, 3, 6)
PLACES = np.random.default_rng(9).random((2, 5, 3)) < 0.7
EACH = {"takes": "each", "terms": 1.0}  # softmax does not see the bias of the key
MASKS = [np.array([[1, 1, 1, 0, 0], [1] * 5], bool), np.array([[1, 0, 1], [0, 1, 1]], bool)]


def _multi(label: str, *arguments: Any, given: Any = None, **settings: Any) -> SequenceCase:
    return SequenceCase("MultiHeadAttention", (QUERY, SOURCE), arguments or (2, 3), settings, label,
                        takes="each", given=given, terms=1.0)  # fmt: skip


ATTENTION = [
    _multi(""),
    _multi("value-dim", 2, 3, 4, output_shape=3, use_bias=False),
    _multi("causal", given={"use_causal_mask": True}),
    _multi("masked", given={"attention_mask": PLACES, "value_mask": MASKS[1]}),
    _multi("scores", given={"return_attention_scores": True, "attention_mask": PLACES}),
    _multi("dropout", dropout=0.3, seed=4),
    _multi("gate-and-window", use_gate=True, sliding_window=2),
    _layer("MultiHeadAttention", ((2, 3, 4, 5),) * 2, 2, 3, label="axes", attention_axes=(2,),
           how=EACH),
    _layer("MultiHeadAttention", ((2, 2, 3, 5),) * 2, 2, 3, label="two-axes", how=EACH),
    _layer("GroupQueryAttention", (QUERY, SOURCE), 3, 4, 2, how=EACH),
    _layer("GroupQueryAttention", (QUERY, SOURCE), 3, 4, 2, label="dropout", dropout=0.3, seed=4,
           use_gate=True, how=EACH),
    *(_layer("Attention", (QUERY, (2, 3, 4)), label=label, how={"given": given}, **settings)
      for label, given, settings in (
          ("", None, {}), ("scale", {"mask": MASKS}, {"use_scale": True}),
          ("concat", {"use_causal_mask": True}, {"score_mode": "concat", "use_scale": True}),
          ("dropout", None, {"dropout": 0.4, "seed": 2}))),
    _layer("Attention", (QUERY, (2, 3, 6), (2, 3, 4)), label="key"),
    _layer("AdditiveAttention", (QUERY, (2, 3, 4)), how={"given": {"mask": MASKS}}),
]  # fmt: skip

LAYERS = [*MERGING, *IDS, *RECURRENT, *ATTENTION]
