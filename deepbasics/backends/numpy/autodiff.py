"""Reverse-mode differentiation over a trace.

The vjps are written in primitives, so the gradient is recorded in the same trace as the value: it
can be replayed with it, and differentiated again.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepbasics import naming
from deepbasics.backends.numpy.rules.elementwise import add
from deepbasics.backends.numpy.rules.reduction import sum_
from deepbasics.backends.numpy.rules.shape import broadcast_to, cast, reshape
from deepbasics.backends.numpy.trace import Traced


def backward(output: Traced, leaves: Sequence[Traced], cotangent: Any = None) -> list[Any]:
    """Cotangents of `leaves`, given that of `output` (default 1); None: does not depend on it."""
    order = _dependents(output, leaves)
    grads: dict[Traced, Any] = {}
    if output in order:
        grads[output] = np.ones(output.shape, output.dtype) if cotangent is None else cotangent
    wanted = set(leaves)
    for node in sorted(order, key=lambda n: n.index, reverse=True):
        g = grads.get(node) if node in wanted else grads.pop(node, None)
        if g is None or (node.rule is None and node.op != "item"):
            continue
        if node.op == "item":
            parent = node.args[0]
            grads.setdefault(parent, [None] * len(parent.value))[node.kwargs["i"]] = g
            continue
        if type(node.value) is tuple:
            g = tuple(
                np.zeros(v.shape, v.dtype) if gi is None else gi
                for gi, v in zip(g, node.value, strict=True)
            )
        with naming.at(f"d_{node.place}"):
            for parent, grad in _cotangents(node, g, order):
                grads[parent] = add(grads[parent], grad) if parent in grads else grad
    return [grads.get(leaf) for leaf in leaves]


def _dependents(output: Traced, leaves: Sequence[Traced]) -> set[Traced]:
    """The nodes on a path from a leaf to the output."""
    first = min((leaf.index for leaf in leaves), default=0)
    reachable, stack = {output}, [output]
    while stack:
        for parent in stack.pop().args:
            if type(parent) is Traced and parent.index >= first and parent not in reachable:
                reachable.add(parent)
                stack.append(parent)
    depends = set(leaves) & reachable
    for node in sorted(reachable, key=lambda n: n.index):
        if any(type(a) is Traced and a in depends for a in node.args):
            depends.add(node)
    return depends


def _cotangents(node: Traced, g: Any, order: set[Traced]) -> list[tuple[Traced, Any]]:
    """(parent, cotangent) for each argument of `node` that leads to a leaf."""
    rule, args = node.rule, node.args
    wanted = [i for i, a in enumerate(args) if type(a) is Traced and a in order]
    y = node.value if type(node.value) is tuple else node
    if rule.joint is not None:
        every = rule.joint(g, y, *args, **node.kwargs)
        found = [(args[i], every[i]) for i in wanted]
    else:
        vjps = [(i, rule.vjps[i]) for i in wanted if i < len(rule.vjps)]
        found = [(args[i], vjp(g, y, *args, **node.kwargs)) for i, vjp in vjps if vjp is not None]
    return [(parent, _fit(grad, parent)) for parent, grad in found if grad is not None]


def _fit(grad: Any, parent: Traced) -> Any:
    """The cotangent in its argument's shape and dtype: undoes broadcasting and promotion."""
    if grad.shape != parent.shape:
        extra = len(grad.shape) - parent.ndim
        axes = tuple(range(extra)) + tuple(
            i + extra for i, n in enumerate(parent.shape) if n == 1 and grad.shape[i + extra] != 1
        )
        if extra >= 0 and axes:
            grad = sum_(grad, axis=axes, keepdims=False)
        if grad.shape != parent.shape and grad.size == parent.size:
            grad = reshape(grad, shape=parent.shape)
        elif grad.shape != parent.shape:
            grad = broadcast_to(grad, shape=parent.shape)
    return grad if grad.dtype == parent.dtype else cast(grad, dtype=parent.dtype.name)
