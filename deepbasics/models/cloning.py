"""Copies of models: the same layers, or others in their places, with new weights."""

import warnings
from collections.abc import Callable
from typing import Any

from deepbasics import legacy, tree
from deepbasics.layers import Input, InputLayer, Layer
from deepbasics.models.model import _OF_GRAPHS, Model
from deepbasics.models.sequential import Sequential
from deepbasics.saving import compiling
from deepbasics.symbolic import Operation, SymbolicTensor, connect

CloneFunction = Callable[[Layer], Layer]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: CloneFunction | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Model:
    """A model of the same layers with new weights, compiled alike.

    Args:
        model: a `Sequential` or functional one; others only without the other arguments.
        input_tensors: symbolic tensors to build on, in the form of the model's inputs; default new
            inputs.
        clone_function: `(layer) -> layer`: what takes the place of each layer but inputs; default
            one made from its config.
        call_function: `(layer, *args, **kwargs) -> outputs`: how each layer and op of a functional
            model is called; default `layer(*args, **kwargs)`.
        recursive: make copies of the models within by these functions too; default they go to
            `clone_function` as any layer.

    Raises ValueError for arguments that the kind of model does not take, and for `input_tensors` of
    another form.

    >>> from deepbasics.layers import Dense
    >>> model = Sequential([Input((3,)), Dense(4), Dense(1)])
    >>> wider = clone_model(model, clone_function=lambda layer: Dense(2 * layer.units))
    >>> wider.output_shape
    (None, 2)
    """
    is_graph = isinstance(model, Sequential) or model._graph is not None
    given = {
        "input_tensors": input_tensors,
        "clone_function": clone_function,
        "call_function": call_function,
    }
    if isinstance(model, Sequential) and call_function is not None:
        raise ValueError(
            f"clone_model got a call_function for Sequential model {model.name!r}, whose layers "
            "are not called one by one; it is for functional models."
        )
    if not is_graph and any(value is not None for value in given.values()):
        told = ", ".join(name for name, value in given.items() if value is not None)
        raise ValueError(
            f"clone_model got {told} for {type(model).__name__} {model.name!r}, whose layers only "
            "its class knows; these are for Sequential and functional models."
        )
    if not is_graph:
        clone = type(model).from_config(model.get_config())
    else:
        make = _Maker(clone_function or _from_config, call_function, recursive)
        clone = make.model(model, input_tensors)
    _compile_as(clone, model)
    return clone


def _from_config(layer: Layer) -> Layer:
    return type(layer).from_config(layer.get_config())


class _Maker:
    """Makes copies: one of each layer, however often it is called, and in whichever model."""

    def __init__(
        self, clone: CloneFunction, call: Callable[..., Any] | None, recursive: bool
    ) -> None:
        self.clone, self.call, self.recursive = clone, call, recursive
        self.made: dict[int, Any] = {}

    def layer(self, layer: Layer) -> Layer:
        """The copy of a layer."""
        if id(layer) not in self.made:
            inner = isinstance(layer, Sequential) or getattr(layer, "_graph", None) is not None
            self.made[id(layer)] = (
                self.model(layer, None) if self.recursive and inner else self.clone(layer)
            )
        return self.made[id(layer)]

    def model(self, model: Any, inputs: Any) -> Model:
        """The copy of a model, on inputs of its own or these."""
        if isinstance(model, Sequential):
            return self._sequential(model, inputs)
        form = model._graph.inputs_form
        if inputs is None:
            inputs = tree.map(_fresh, form)
        _check(inputs, form, model.name)
        outputs = self._run(model._graph, inputs)
        cls = type(model) if type(model).__init__ in _OF_GRAPHS else Model
        return cls(inputs, outputs, name=model.name)

    def _sequential(self, model: Sequential, inputs: Any) -> Sequential:
        first = []
        if inputs is not None:
            _check(inputs, [model.inputs_known], model.name)
            tensor = tree.flatten(inputs)[0]
            first = [InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype)]
        elif model.inputs_known:
            first = [_fresh(model._stack[0].output)]
        copies = [self.layer(layer) for layer in model.layers]
        return Sequential([*first, *copies], trainable=model._trainable, name=model.name)

    def _run(self, graph: Any, inputs: Any) -> Any:
        values = dict(zip(map(id, graph.inputs), tree.flatten(inputs), strict=True))

        def value(leaf: Any) -> Any:
            return values[id(graph.resolve(leaf))] if type(leaf) is SymbolicTensor else leaf

        for node in graph.nodes:
            if node.inputs:
                args, kwargs = tree.map(value, node.args), tree.map(value, node.kwargs)
                outputs = tree.flatten(self._called(node.operation, args, kwargs))
                for tensor, output in zip(tree.flatten(node.outputs), outputs, strict=True):
                    values[id(tensor)] = output
        return tree.map(value, graph.outputs_form)

    def _called(self, operation: Any, args: Any, kwargs: Any) -> Any:
        is_op = isinstance(operation, Operation)
        if self.call is not None:
            return self.call(operation if is_op else self.layer(operation), *args, **kwargs)
        if is_op:
            return connect(Operation(operation.function, operation.name), args, kwargs)
        return self.layer(operation)(*args, **kwargs)


def _fresh(tensor: SymbolicTensor) -> SymbolicTensor:
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.operation.name)


def _check(inputs: Any, form: Any, name: str) -> None:
    """ValueError unless `inputs` are as many symbolic tensors as in `form`, under its keys."""
    given = tree.flatten(inputs)
    keys = [sorted(nest) if isinstance(nest, dict) else None for nest in (inputs, form)]
    symbolic = all(type(tensor) is SymbolicTensor for tensor in given)
    if not symbolic or len(given) != len(tree.flatten(form)) or keys[0] != keys[1]:
        raise ValueError(
            f"clone_model needs input_tensors in the form of the inputs of model {name!r}: "
            f"{form}; got {inputs}."
        )


def _compile_as(clone: Model, model: Model) -> None:
    if model.compiled is None:
        return
    try:
        compiling.compile_from(clone, compiling.compile_config(model))
    except TypeError as error:
        warnings.warn(
            f"The copy of model {model.name!r} is not compiled: {error}",
            stacklevel=legacy.level_of_caller(),
        )
