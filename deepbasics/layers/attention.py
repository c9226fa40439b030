"""Attention over a sequence: with heads of its own, or over the inputs as they are."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import activations, ops
from deepbasics.errors import as_count
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.settings import config, keep, weight
from deepbasics.layers.shapes import is_shape
from deepbasics.ops.attention import attention_weights
from deepbasics.random import SeedGenerator, dropout

_SETTINGS = tuple(
    f"{role}_{what}"
    for what in ("initializer", "regularizer", "constraint")
    for role in ("kernel", "bias")
)
_NOT_GIVEN = ("self", "kwargs", "activity_regularizer", "__class__")


class Projection(Layer):
    """`activation(x · kernel + bias)` over the last axes of x, into new ones.

    `over` axes of x meet those of the kernel; its others, `into`, take their place.
    """

    supports_masking = True

    def __init__(
        self,
        into: Shape,
        settings: dict[str, Any],
        over: int = 1,
        use_bias: bool = True,
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        keep(self, **settings)
        self.into, self.over, self.use_bias = tuple(into), over, use_bias
        self.activation = activations.get(activation)
        self.kernel = self.bias = None

    def build(self, input_shape: Shape) -> None:
        """Kernel (the last axes of the input, `into`) and bias."""
        within = tuple(input_shape[len(input_shape) - self.over :])
        axes = tuple(range(len(within) + len(self.into)))
        fans = (axes[: self.over], axes[self.over :])
        self.kernel = weight(self, "kernel", (*within, *self.into), fans=fans)
        if self.use_bias:
            self.bias = weight(self, "bias", self.into)

    def call(self, inputs: Any) -> Any:
        """One product of matrices."""
        outer = tuple(inputs.shape[: len(inputs.shape) - self.over])
        width = math.prod(self.kernel.shape[: self.over])
        y = ops.matmul(
            ops.reshape(inputs, (math.prod(outer), width)),
            ops.reshape(self.kernel, (width, math.prod(self.into))),
        )
        y = ops.reshape(y, (*outer, *self.into))
        return self.activation(ops.add(y, self.bias) if self.use_bias else y)


class _Heads(Layer):
    """Attention with heads: projections of query, key and value, and of the result.

    Kernels of query, key and value are (features, heads, dim), that of the output (heads, dim,
    features).
    """

    supports_masking = True

    def __init__(
        self, heads: int, groups: int, key_dim: int, value_dim: int, given: Any, kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        keep(self, **given)
        name = type(self).__name__
        counts = {"heads": heads, "groups": groups, "key_dim": key_dim, "value_dim": value_dim}
        for key, value in counts.items():
            setattr(self, f"_{key}", as_count(f"{name}: {key}", value))
        if not 0 <= self.dropout <= 1:
            raise ValueError(f"{name}: dropout must be in [0, 1]; got {self.dropout}.")
        self.seed_generator = SeedGenerator(self.seed) if self.dropout else None
        self.query_dense = self.key_dense = self.gate_dense = None
        self.value_dense = self.output_dense = None
        self._axes: tuple[int, ...] | None = None
        self._output: Shape | None = None

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """The projections."""
        key_shape = value_shape if key_shape is None else key_shape
        shapes = (tuple(query_shape), tuple(value_shape), tuple(key_shape))
        if len({len(s) for s in shapes}) > 1 or shapes[1][1:-1] != shapes[2][1:-1]:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} takes query (batch, steps, features), "
                "value and key (batch, sources, features), both of as many sources; got shapes "
                f"{shapes[0]}, {shapes[1]} and {shapes[2]}."
            )
        rank = len(query_shape)
        axes = range(1, rank - 1) if self._axes is None else self._axes
        self._axes = tuple(a % rank for a in axes)
        into = (self._heads, self._key_dim)
        self.query_dense = self._projection("query", query_shape, into)
        self.key_dense = self._projection("key", key_shape, (self._groups, self._key_dim))
        if self.use_gate:
            into = (self._heads, self._value_dim)
            self.gate_dense = self._projection("gate", query_shape, into, activation="sigmoid")
        self.value_dense = self._projection("value", value_shape, (self._groups, self._value_dim))
        last = (*query_shape[:-1], self._heads, self._value_dim)
        into = self._output or (query_shape[-1],)
        self.output_dense = self._projection("attention_output", last, into, over=2)

    def _projection(self, name: str, shape: Shape, into: Shape, **settings: Any) -> Projection:
        common = {key: _another(getattr(self, key)) for key in _SETTINGS}
        layer = Projection(
            into, common, use_bias=self.use_bias, dtype=self.dtype_policy, name=name, **settings
        )
        layer._build(tuple(shape))
        return layer

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The output, or (output, weights of each head).

        `attention_mask` (batch, steps, sources) is True where a step may attend; the masks of the
        tensors hide steps, sources or both.
        """
        key = value if key is None else key
        value, key = (ops.cast(ops.convert_to_tensor(x), self.compute_dtype) for x in (value, key))
        mask = self._mask(query_mask, value_mask, key_mask, attention_mask)
        gate = self.gate_dense(query) if self.use_gate else None
        q, k, v = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        y, weights = self._attend(q, k, v, mask, use_causal_mask, training, return_attention_scores)
        y = self.output_dense(y if gate is None else ops.multiply(y, gate))
        return (y, weights) if return_attention_scores else y

    def _mask(self, query: Any, value: Any, key: Any, attention: Any) -> Any:
        """All masks in one, or None."""
        found = [] if query is None else [ops.expand_dims(query, -1)]
        found += [ops.expand_dims(m, -2) for m in (value, key) if m is not None]
        found += [] if attention is None else [attention]
        if not found:
            return None
        whole = ops.cast(found[0], "bool")
        for mask in found[1:]:
            whole = ops.logical_and(whole, ops.cast(mask, "bool"))
        return whole

    def _attend(
        self, q: Any, k: Any, v: Any, mask: Any, causal: bool, training: bool, scores: bool
    ) -> tuple[Any, Any]:
        """(result, weights or None) of projections (batch, ..., heads, dim)."""
        simple = len(q.shape) == 4
        mask = self._whole_mask(mask, q, k)
        thinned = training and self.dropout > 0
        scale = self._key_dim**-0.5
        flat = [x if simple else self._flat(x) for x in (q, k, v)]
        if not (thinned or scores):
            y = ops.dot_product_attention(*flat, mask=mask, scale=scale, is_causal=causal)
            return (y if simple else self._unflat(y, q)), None
        q4, k4, v4 = (ops.swapaxes(self._for_heads(x), 1, 2) for x in flat)
        found = ops.matmul(ops.multiply(q4, scale), ops.swapaxes(k4, 2, 3))
        weights = attention_weights(found, mask, causal)
        kept = dropout(weights, self.dropout, seed=self.seed_generator) if thinned else weights
        y = ops.swapaxes(ops.matmul(kept, v4), 1, 2)
        return (
            (y, weights)
            if simple
            else (self._unflat(y, q), ops.reshape(weights, self._scores_shape(q, k)))
        )

    def _for_heads(self, x: Any) -> Any:
        times = self._heads // x.shape[2]
        return x if times == 1 else ops.repeat(x, times, axis=2)

    # any number of axes to attend over: they become one, and the others a batch -------------------

    def _order(self, rank: int) -> list[int]:
        """The axes of (batch, ..., heads, dim): not attended over, attended over, heads, dim."""
        rest = [a for a in range(rank - 2) if a not in self._axes]
        return [*rest, *self._axes, rank - 2, rank - 1]

    def _flat(self, x: Any) -> Any:
        """(batch, ..., heads, dim) as (all rows, all steps, heads, dim)."""
        shape = tuple(x.shape)
        steps = math.prod(shape[a] for a in self._axes)
        x = ops.transpose(x, self._order(len(shape)))
        rows = math.prod(shape[:-2]) // max(steps, 1)
        return ops.reshape(x, (rows, steps, *shape[-2:]))

    def _unflat(self, y: Any, q: Any) -> Any:
        """The inverse of `_flat`, for a result of the shape of `q` but for its last axis."""
        order = self._order(len(q.shape))
        y = ops.reshape(y, (*(q.shape[a] for a in order[:-1]), y.shape[-1]))
        return ops.transpose(y, [int(a) for a in np.argsort(order)])

    def _scores_shape(self, q: Any, k: Any) -> Shape:
        rest = [q.shape[a] for a in self._order(len(q.shape))[: -2 - len(self._axes)]]
        steps, sources = ([x.shape[a] for a in self._axes] for x in (q, k))
        return (*rest, self._heads, *steps, *sources)

    def _whole_mask(self, mask: Any, q: Any, k: Any) -> Any:
        """The mask and that of the window, as (rows, heads, steps, sources) or broadcasting to it.

        A mask without the axes of heads gets them before those of steps and sources.
        """
        shape, n = self._scores_shape(q, k), 2 * len(self._axes)
        if mask is not None:
            for _ in range(len(shape) - len(mask.shape)):
                mask = ops.expand_dims(mask, len(mask.shape) - n)
            if n > 2 or len(shape) > 4:
                rows = math.prod(shape[: -n - 1])
                steps = math.prod(shape[-n : -n // 2])
                whole = (rows, self._heads, steps, math.prod(shape[-n // 2 :]))
                mask = ops.reshape(ops.broadcast_to(mask, shape), whole)
        if self.sliding_window is None:
            return mask
        steps, sources = np.arange(q.shape[1])[:, None], np.arange(k.shape[1])
        near = ops.convert_to_tensor(np.abs(steps - sources) < self.sliding_window)
        return near if mask is None else ops.logical_and(mask, near)

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """The query's, with the output's features last."""
        return (*query_shape[:-1], *(self._output or (query_shape[-1],)))

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """See `Layer`; two outputs with `return_attention_scores`."""
        if kwargs.get("return_attention_scores"):
            return self._infer(args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | config(self)


class MultiHeadAttention(_Heads):
    """Several attentions side by side, each over projections of its own.

    `softmax(q kᵀ / √key_dim) v` for each head, and a projection of all heads' results.

    Args:
        num_heads: the number of heads.
        key_dim: the width of each head's query and key.
        value_dim: that of its value; default key_dim.
        dropout: the fraction of weights dropped while training.
        use_bias: whether the projections have biases.
        output_shape: the last axes of the output; default those of the query.
        attention_axes: the axes attended over; default all but the batch and the features.
        sliding_window: attend only to sources fewer steps away than this.
        use_gate: multiply the result by a sigmoid projection of the query.

    `layer(query, value, key=value)`: (batch, steps, features), (batch, sources, features); output
    like the query. Masks of query, value and key are found by themselves; `attention_mask=` and
    `use_causal_mask=True` restrict further. Reference: Vaswani et al., "Attention is all you need",
    2017.

    >>> x = np.zeros((2, 5, 8))
    >>> MultiHeadAttention(num_heads=2, key_dim=4)(x, x).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in _NOT_GIVEN}
        kwargs["activity_regularizer"] = activity_regularizer
        given |= {"value_dim": value_dim or key_dim}
        super().__init__(num_heads, num_heads, key_dim, given["value_dim"], given, kwargs)
        self._axes, self._output = _tuple(attention_axes), _tuple(output_shape)


def _another(thing: Any) -> Any:
    """An initializer (or the like) as `thing` is, with a stream of its own if it has no seed."""
    config = getattr(thing, "get_config", None)
    return thing if config is None else type(thing).from_config(config())


def _tuple(value: int | Sequence[int] | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    return (value,) if isinstance(value, int) else tuple(value)


class GroupQueryAttention(_Heads):
    """Multi-head attention in which several query heads share a head of key and value.

    Args: `head_dim`, the width of a head; `num_query_heads`, a multiple of `num_key_value_heads`;
    the others as for `MultiHeadAttention`. Reference: Ainslie et al., 2023.

    >>> x = np.zeros((2, 5, 8))
    >>> GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)(x, x).shape
    (2, 5, 8)
    """

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        given = {k: v for k, v in locals().items() if k not in _NOT_GIVEN}
        kwargs["activity_regularizer"] = activity_regularizer
        super().__init__(num_query_heads, num_key_value_heads, head_dim, head_dim, given, kwargs)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "GroupQueryAttention: num_query_heads must be a multiple of num_key_value_heads; "
                f"got {num_query_heads} and {num_key_value_heads}."
            )


class Attention(Layer):
    """Attention over the inputs as they are: `softmax(scores) · value`.

    Args:
        use_scale: multiply by a trained scale.
        score_mode: "dot" for `query · key`, "concat" for `Σ tanh(query + key)` (Luong et al. 2015).
        dropout: the fraction of weights dropped while training.
        seed: of the dropout.

    `layer([query, value])` or `layer([query, value, key])`: (batch, steps, dim), (batch, sources,
    dim); output (batch, steps, dim of value). A mask of the value hides sources, one of the query
    sets steps to zero.
    """

    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in ("dot", "concat"):
            raise ValueError(f'Attention: score_mode is "dot" or "concat"; got {score_mode!r}.')
        if not 0 <= dropout <= 1:
            raise ValueError(f"{type(self).__name__}: dropout must be in [0, 1]; got {dropout}.")
        self.use_scale, self.score_mode = bool(use_scale), score_mode
        self.dropout, self.seed = float(dropout), seed
        self.seed_generator = SeedGenerator(seed) if dropout else None
        self.scale = self.concat_score_weight = None

    def _check_list(self, shapes: Any) -> None:
        if is_shape(shapes) or not 2 <= len(shapes) <= 3 or any(len(s) < 3 for s in shapes):
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} takes a list [query, value] or [query, "
                f"value, key] of shapes (batch, steps, dim); got {shapes}."
            )

    def build(self, input_shape: Any) -> None:
        """The scale, the weight of the scores."""
        self._check_list(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(
        self,
        inputs: Sequence[Any],
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The result, or (result, weights)."""
        query, value = inputs[0], inputs[1]
        hidden = None if mask is None else mask[1]
        hidden = None if hidden is None else ops.expand_dims(ops.cast(hidden, "bool"), -2)
        scores = self._scores(query, inputs[2] if len(inputs) > 2 else value)
        weights = attention_weights(scores, hidden, use_causal_mask)
        if training and self.dropout:
            weights = dropout(weights, self.dropout, seed=self.seed_generator)
        y = ops.matmul(weights, value)
        if mask is not None and mask[0] is not None:
            y = ops.where(ops.expand_dims(ops.cast(mask[0], "bool"), -1), y, 0.0)
        return (y, weights) if return_attention_scores else y

    def _scores(self, query: Any, key: Any) -> Any:
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -2, -1))
            return ops.multiply(scores, self.scale) if self.use_scale else scores
        both = ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3))
        both = ops.multiply(both, self.scale) if self.use_scale else both
        return ops.multiply(ops.sum(ops.tanh(both), axis=-1), self.concat_score_weight)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The query's, with the value's features."""
        self._check_list(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """See `Layer`; two outputs with `return_attention_scores`."""
        if kwargs.get("return_attention_scores"):
            return self._infer(args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """That of the query."""
        return None if previous_mask is None else previous_mask[0]

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | config(self)


class AdditiveAttention(Attention):
    """Attention with scores `Σ scale · tanh(query + key)` (Bahdanau et al. 2015).

    Args: `use_scale` (a trained scale for each feature), `dropout` and `seed` as for `Attention`.
    """

    def __init__(
        self,
        use_scale: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, seed=seed, **kwargs)

    def build(self, input_shape: Any) -> None:
        """The scale."""
        self._check_list(input_shape)
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _scores(self, query: Any, key: Any) -> Any:
        both = ops.tanh(ops.add(ops.expand_dims(query, -2), ops.expand_dims(key, -3)))
        both = ops.multiply(both, self.scale) if self.use_scale else both
        return ops.sum(both, axis=-1)
