"""Graphs as plain data, in the form in which Keras 3 writes them, and back."""

import inspect
from collections.abc import Mapping
from typing import Any

from deepbasics import layers, naming, ops, tree
from deepbasics.errors import unknown
from deepbasics.models.graph import Graph
from deepbasics.saving.objects import deserialize_keras_object, serialize_keras_object
from deepbasics.symbolic import KINDS, Node, Operation, SymbolicTensor, connect

TENSOR = "__keras_tensor__"
Config = dict[str, Any]

# Keras has a class for each op: what it is called on are arguments of a call, the rest of the
# constructor.
_DATA = (
    "array bins choicelist condition condlist data default depthwise_kernel fill_value gamma beta "
    "indices inputs kernel key mean offset pointwise_kernel predictions q scale segment_ids "
    "sorted_sequence start start_indices step stop targets updates values variable variance "
    "weights x x1 x2 xs y"
)
_IMAGES = (
    "coordinates end_points image1 image2 images inputs output_shape scale start_points transform "
    "translation"
)
_ROOMS = {
    "nn": "relu relu6 sigmoid softplus softsign silu swish log_sigmoid leaky_relu hard_sigmoid "
    "hard_silu hard_swish elu selu gelu celu glu hard_tanh softmax log_softmax max_pool "
    "adaptive_max_pool average_pool adaptive_average_pool conv depthwise_conv separable_conv "
    "conv_transpose one_hot multi_hot moments batch_normalization rms_normalization "
    "layer_normalization normalize dot_product_attention",
    "math": "segment_sum segment_max segment_min segment_prod top_k in_top_k logsumexp rsqrt erf "
    "erfc erfinv fft fft2 ifft2 rfft irfft stft istft",
    "core": "scatter scatter_update slice slice_update stop_gradient unstack cast",
    "linalg": "cholesky det eig eigh inv lstsq lu_factor norm qr slogdet solve "
    "solve_triangular svd",
    "image": " ".join(ops.NAMESPACES["image"]),
}
_MODULES = {name: room for room, names in _ROOMS.items() for name in names.split()}
_CALLED_ON = {name: frozenset(_IMAGES.split()) for name in ops.NAMESPACES["image"]}
_OTHERS_CALLED_ON = frozenset(_DATA.split())


# writing ------------------------------------------------------------------------------------------


def to_config(graph: Graph, trainable: bool) -> Config:
    """The layers and ops of a graph, each with its calls, and which tensors go in and out."""

    def place(tensor: SymbolicTensor) -> list[Any]:
        name, node, index = _history(graph, tensor)
        return [name, node + _own_nodes(tensor.operation), index]

    losses = {"losses": [place(loss) for loss in graph.losses]} if graph.losses else {}
    return {
        "name": graph.name,
        "trainable": trainable,
        "layers": [_entry(graph, operation) for operation in graph.operations],
        "input_layers": tree.map(place, graph.inputs_form),
        "output_layers": tree.map(place, graph.outputs_form),
        **losses,
    }


def _history(graph: Graph, tensor: SymbolicTensor) -> list[Any]:
    tensor = graph.resolve(tensor)
    nodes = graph.nodes_of(tensor.operation)
    at = next(i for i, node in enumerate(nodes) if node is tensor.node)
    return [tensor.operation.name, at, tensor.index]


def _own_nodes(operation: Any) -> int:
    """How many calls Keras counts before the first: it counts one in a functional model."""
    return int(getattr(operation, "_graph", None) is not None)


def _entry(graph: Graph, operation: Any) -> Config:
    nodes = graph.nodes_of(operation)
    if isinstance(operation, Operation):
        called, settings = _split(operation, nodes[0])
        return {
            **_described(operation, settings),
            "name": operation.name,
            "inbound_nodes": [_told(graph, called, {})],
        }
    calls = [_told(graph, node.args, node.kwargs) for node in nodes if node.inputs]
    return {**layers.serialize(operation), "name": operation.name, "inbound_nodes": calls}


def _told(graph: Graph, args: Any, kwargs: Any) -> Config:
    def leaf(value: Any) -> Any:
        if type(value) is not SymbolicTensor:
            return value
        history = _history(graph, value)
        config = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": history}
        return {"class_name": TENSOR, "config": config}

    found = {"args": list(tree.map(leaf, args)), "kwargs": tree.map(leaf, kwargs)}
    return serialize_keras_object(found)


def _split(operation: Operation, node: Node) -> tuple[list[Any], Config]:
    """(what the op was called on, its settings) in the call of a node."""
    bound = operation.signature().bind(*node.args, **node.kwargs)
    bound.apply_defaults()
    called, settings = [], {}
    data = _CALLED_ON.get(operation.function, _OTHERS_CALLED_ON)
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            called += value
        elif kind is inspect.Parameter.VAR_KEYWORD:
            settings |= value
        elif name in data or any(type(v) is SymbolicTensor for v in tree.flatten(value)):
            called.append(value)
        else:
            settings[name] = value
    return called, settings


def _described(operation: Operation, settings: Config) -> Config:
    return {
        "module": f"keras.src.ops.{_MODULES.get(operation.function, 'numpy')}",
        "class_name": operation.kind,
        "config": serialize_keras_object({"name": operation.name, **settings}),
        "registered_name": operation.kind,
    }


# reading ------------------------------------------------------------------------------------------


class _Waiting(Exception):
    """A call needs a tensor that is not there yet."""


def from_config(config: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """(inputs, outputs, losses): symbolic tensors, from new layers.

    Raises ValueError for layers that wait for each other, or for one that is not there.
    """
    made = {entry["name"]: _made(entry) for entry in config["layers"]}
    waiting = {
        entry["name"]: list(entry["inbound_nodes"])
        for entry in config["layers"]
        if entry["inbound_nodes"]
    }
    while waiting:
        before = sum(map(len, waiting.values()))
        for name in list(waiting):
            _call_those_that_can(name, waiting, made)
        if sum(map(len, waiting.values())) == before:
            raise ValueError(
                f"The graph of model {config.get('name')!r} has a cycle: the calls of "
                f"{', '.join(map(repr, waiting))} wait for each other."
            )
    parts = (config["input_layers"], config["output_layers"], config.get("losses", []))
    inputs, outputs, losses = (_tensors(part, made) for part in parts)
    return inputs, outputs, losses


def _made(entry: Mapping[str, Any]) -> Any:
    if "ops" not in str(entry.get("module")).split("."):
        return layers.deserialize({k: v for k, v in entry.items() if k != "inbound_nodes"})
    by_class = {kind: name for name, kind in KINDS.items()}
    class_name = entry["class_name"]
    function = by_class.get(class_name) or naming.snake_case(class_name)
    if function not in ops.OPS:
        raise unknown("op", function, ops.OPS)
    settings = deserialize_keras_object(dict(entry["config"]))
    operation = Operation(function, settings.pop("name", None))
    return operation, settings


def _call_those_that_can(name: str, waiting: dict[str, list[Any]], made: dict[str, Any]) -> None:
    while name in waiting:
        try:
            args, kwargs = _arguments(waiting[name][0], made, name)
        except _Waiting:
            return
        kwargs = {k: v for k, v in kwargs.items() if v is not None}
        if isinstance(made[name], tuple):
            operation, settings = made[name]
            connect(operation, *_joined(operation, args, {**settings, **kwargs}))
        else:
            made[name](*args, **kwargs)
        del waiting[name][0]
        if not waiting[name]:
            del waiting[name]


def _joined(operation: Operation, args: list[Any], settings: Config) -> tuple[Any, Any]:
    """Arguments for the op, of which some are settings by name."""
    if operation.function == "get_item":
        return (args[0], tuple(args[1]) if isinstance(args[1], list) else args[1]), {}
    rest, positional = list(args), []
    parameters = operation.signature().parameters.values()
    for p in parameters:
        if p.kind is inspect.Parameter.VAR_POSITIONAL:
            return (*positional, *rest), settings
        if p.name in settings:
            positional.append(settings.pop(p.name))
        elif rest:
            positional.append(rest.pop(0))
        else:
            break
    return tuple(positional), settings


def _arguments(call: Any, made: dict[str, Any], name: str) -> tuple[list[Any], Config]:
    if isinstance(call, Mapping):
        return _revived(call["args"], made, name), _revived(call["kwargs"], made, name)
    tensors = [_tensor(made, name, *item[:3]) for item in call]  # as Keras 2 wrote it
    kwargs = next((item[3] for item in call if len(item) > 3), {})
    return [tensors[0] if len(tensors) == 1 else tensors], dict(kwargs)


def _revived(data: Any, made: dict[str, Any], name: str) -> Any:
    if isinstance(data, list):
        return [_revived(item, made, name) for item in data]
    if not isinstance(data, Mapping):
        return data
    if data.get("class_name") == TENSOR:
        layer, node, index = data["config"]["keras_history"]
        return _tensor(made, name, layer, node, index, counted=0)
    if "class_name" in data:
        return deserialize_keras_object(data)
    return {key: _revived(value, made, name) for key, value in data.items()}


def _tensor(
    made: dict[str, Any], who: str, name: str, node: int, index: int, counted: int | None = None
) -> SymbolicTensor:
    """A tensor by what made it; `counted` is how many calls are counted before the first."""
    if name not in made:
        raise ValueError(f"{who!r} is called on the output of {name!r}, which is not in the model.")
    operation = made[name][0] if isinstance(made[name], tuple) else made[name]
    node -= _own_nodes(operation) if counted is None else counted
    if node >= len(operation._inbound_nodes):
        raise _Waiting
    return tree.flatten(operation._inbound_nodes[node].outputs)[index]


def _tensors(places: Any, made: dict[str, Any]) -> Any:
    if isinstance(places, Mapping):
        return {key: _tensors(value, made) for key, value in places.items()}
    if len(places) == 3 and isinstance(places[0], str):
        return _tensor(made, "the model", *places)
    return [_tensors(item, made) for item in places]
