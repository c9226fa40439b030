"""Models as pictures: a description in Graphviz' language, and what `dot` draws of it."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deepbasics import tree


class Style(NamedTuple):
    """What a box shows of a layer."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    activations: bool = False
    trainable: bool = False
    expand: bool = False


class Ends(NamedTuple):
    """The boxes at which arrows to and from a layer end, one for each input and output."""

    inputs: Sequence[str]
    outputs: Sequence[str]


def plot_model(
    model: Any,
    to_file: str = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> None:
    """Draw a model into a file: a box for each layer or op, arrows from input to output.

    Args:
        to_file: what it ends in says the format: png, svg, pdf; "dot" writes the description.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what the
            boxes show beside the class.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: whether models within are drawn as frames around their layers.
        dpi: dots per inch.

    Raises RuntimeError if the program `dot` of Graphviz, which draws, is not installed.
    """
    path = Path(to_file)
    form = path.suffix.removeprefix(".").lower() or "png"
    text = model_to_dot(
        model,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        show_layer_activations,
        show_trainable,
    )
    if form == "dot":
        path.write_text(text, encoding="utf8")
        return
    program = shutil.which("dot")
    if program is None:
        raise RuntimeError(
            "plot_model draws with Graphviz, whose program `dot` is not installed: get it from "
            'graphviz.org or your package manager, or pass to_file="model.dot".'
        )
    drawn = subprocess.run([program, f"-T{form}"], input=text.encode(), capture_output=True)
    if drawn.returncode:
        raise ValueError(f"Graphviz cannot write {to_file!r}: {drawn.stderr.decode().strip()}")
    path.write_bytes(drawn.stdout)


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> str:
    """A model in Graphviz' language, as text; arguments as for `plot_model`.

    Raises ValueError for a model that is not built, whose layers nobody knows.
    """
    if not model.built:
        raise ValueError(f"Model {model.name!r} is not built yet: call it on data first.")
    if rankdir not in ("TB", "BT", "LR", "RL"):
        raise ValueError(f'rankdir must be "TB", "BT", "LR" or "RL"; it is {rankdir!r}.')
    style = Style(
        show_shapes,
        show_dtype,
        show_layer_names,
        show_layer_activations,
        show_trainable,
        expand_nested,
    )
    lines, _ = _inside(model, f"{model.name}/", style)
    head = [
        f"graph [dpi={dpi}, rankdir={rankdir}];",
        'node [shape=box, style=filled, fillcolor=white, fontname="Helvetica"];',
    ]
    return "\n".join(["digraph model {", *(f"  {line}" for line in [*head, *lines]), "}", ""])


def _inside(model: Any, path: str, style: Style) -> tuple[list[str], Ends]:
    """The boxes and arrows of a model, and where others reach it."""
    calls = list(_calls(model))
    parts = {id(part): part for part, _ in calls}
    lines, ends = [], {}
    for key, part in parts.items():
        boxes, ends[key] = _box(part, path, style)
        lines += boxes
    for part, feeds in calls:
        targets = _spread(ends[id(part)].inputs, feeds)
        for (source, index), target in zip(feeds, targets, strict=True):
            sources = ends[id(source)].outputs
            arrow = f"{sources[index % len(sources)]} -> {target};"
            lines += [] if arrow in lines else [arrow]
    graph = model._graph
    if graph is None:
        first, last = (list(parts)[i] for i in (0, -1))
        return lines, Ends(ends[first].inputs, ends[last].outputs)
    reached = [ends[id(t.operation)].inputs[0] for t in graph.inputs]
    left = [ends[id(t.operation)].outputs[0] for t in graph.outputs]
    return lines, Ends(reached, left)


def _calls(model: Any) -> Iterator[tuple[Any, list[tuple[Any, int]]]]:
    """(layer or op, what its inputs come from and which output of that) for each call."""
    graph = model._graph
    if graph is not None:
        for operation in graph.operations:
            for node in graph.nodes_of(operation):
                tensors = map(graph.resolve, node.inputs)
                yield operation, [(t.operation, t.index) for t in tensors]
        return
    before = None
    for layer in getattr(model, "_stack", model.layers):
        yield layer, [] if before is None else [(before, 0)]
        before = layer if hasattr(model, "_stack") else None


def _spread(ends: Sequence[str], feeds: Sequence[Any]) -> list[str]:
    return list(ends) if len(ends) == len(feeds) else [ends[0]] * len(feeds)


def _box(part: Any, path: str, style: Style) -> tuple[list[str], Ends]:
    name = _quoted(path + part.name)
    if style.expand and getattr(part, "layers", None):
        lines, ends = _inside(part, f"{path}{part.name}/", style)
        frame = [f"subgraph {_quoted('cluster_' + path + part.name)} {{"]
        frame += [f"  label={_quoted(part.name)};", *(f"  {line}" for line in lines), "}"]
        return frame, ends
    return [f"{name} [label={_quoted(_label(part, style))}];"], Ends([name], [name])


def _label(part: Any, style: Style) -> str:
    """The lines of a box."""
    kind = getattr(part, "kind", type(part).__name__)
    lines = [f"{part.name} ({kind})" if style.names else kind]
    activation = getattr(part, "activation", None)
    if style.activations and activation is not None:
        lines.append(f"activation: {getattr(activation, '__name__', activation)}")
    nodes = part._inbound_nodes
    if nodes and (style.shapes or style.dtype):
        for title, tensors in (("in", nodes[0].inputs), ("out", tree.flatten(nodes[0].outputs))):
            shown = ", ".join(_tensor(t, style) for t in tensors)
            lines += [f"{title}: {shown}"] if shown else []
    if style.trainable and getattr(part, "weights", None):
        lines.append("trainable" if part.trainable else "frozen")
    return "\n".join(lines)


def _tensor(tensor: Any, style: Style) -> str:
    shape = f"({', '.join(map(str, tensor.shape))})" if style.shapes else ""
    return " ".join([shape] * style.shapes + [tensor.dtype] * style.dtype)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
