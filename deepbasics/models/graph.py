"""A graph of layers and ops: what lies between symbolic inputs and outputs, ready to run."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from deepbasics import masks, ops, tree
from deepbasics.layers import scope
from deepbasics.layers.inputs import Input, InputLayer
from deepbasics.symbolic import Node, SymbolicTensor


class Graph:
    """The calls that lead from `inputs` to `outputs`, nests of symbolic tensors.

    `nodes` are the calls in an order in which they can run; `operations` the layers and ops in
    Keras' order: those furthest from the outputs first. An input that some layer has made gets an
    `InputLayer` in its place. `losses` are symbolic scalars that a run adds to those of the call in
    progress. Raises ValueError, with the names, for inputs that the outputs need
    and that are missing, and for names that are not unique.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str) -> None:
        self.name = name
        _check("inputs", inputs)
        _check("outputs", outputs)
        self._stand_ins: dict[int, SymbolicTensor] = {}
        given = tree.flatten(inputs)
        self.inputs = [self._as_input(t) for t in given]
        if len({id(t) for t in given}) < len(given):
            raise ValueError(f"An input of model {name!r} is listed twice: {_names(given)}.")
        self.inputs_form = tree.pack_as(inputs, self.inputs)
        self.outputs_form = tree.map(self.resolve, outputs)
        self.outputs = tree.flatten(self.outputs_form)
        self.losses: list[SymbolicTensor] = []
        self._arrange()

    def with_loss(self, loss: SymbolicTensor) -> "Graph":
        """The same graph, and what leads to one more loss."""
        graph = copy.copy(self)
        graph.losses = [*self.losses, self.resolve(loss)]
        graph._arrange()
        return graph

    def _arrange(self) -> None:
        self.nodes, seen = self._sorted()
        self._members = {id(node) for node in self.nodes}
        self.depths, self.operations = self._by_depth(seen)
        self._check_names()
        self._steps = self._planned()

    def resolve(self, tensor: SymbolicTensor) -> SymbolicTensor:
        """The tensor itself, or the input that stands in its place in this graph."""
        return self._stand_ins.get(id(tensor), tensor)

    def _as_input(self, tensor: SymbolicTensor) -> SymbolicTensor:
        if isinstance(tensor.operation, InputLayer):
            return tensor
        name = f"{tensor.name}CLONE"
        stand_in = Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)
        self._stand_ins[id(tensor)] = stand_in
        return stand_in

    # order ----------------------------------------------------------------------------------------

    def _sorted(self) -> tuple[list[Node], dict[Any, int]]:
        """The nodes, each after those that it needs, and when each operation was first met."""
        known = {id(t.node) for t in self.inputs}
        done: set[int] = set()
        order: list[Node] = []
        seen: dict[Any, int] = {}
        stack = [(t, False) for t in reversed([*self.outputs, *self.losses])]
        while stack:
            tensor, is_finished = stack.pop()
            node = tensor.node
            if id(node) in done:
                continue
            if is_finished:
                done.add(id(node))
                order.append(node)
                continue
            if node is None or (not node.inputs and id(node) not in known):
                raise ValueError(self._disconnected(tensor))
            seen.setdefault(node.operation, len(seen))
            stack.append((tensor, True))
            stack += [(self.resolve(t), False) for t in reversed(node.inputs)]
        return order, seen

    def _disconnected(self, tensor: SymbolicTensor) -> str:
        if tensor.operation is None:
            return f"{tensor!r} was made by no layer or op: begin a model with Input(shape)."
        return (
            f"The outputs of model {self.name!r} ({_names(self.outputs)}) depend on "
            f"{tensor.operation.name!r}, of shape {tensor.shape}, which is not among its inputs "
            f"({_names(self.inputs)}): add it to them."
        )

    def _by_depth(self, seen: dict[Any, int]) -> tuple[dict[int, int], list[Any]]:
        """How far each node is from the outputs, and the operations, those furthest first."""
        nodes: dict[int, int] = {}
        operations: dict[Any, int] = {}
        for node in reversed(self.nodes):
            depth = max(nodes.get(id(node), 0), operations.get(node.operation, 0))
            nodes[id(node)] = operations[node.operation] = depth
            for tensor in node.inputs:
                parent = id(self.resolve(tensor).node)
                nodes[parent] = max(depth + 1, nodes.get(parent, 0))
        for tensor in self.inputs:  # those that no output needs
            if tensor.operation not in operations:
                operations[tensor.operation], seen[tensor.operation] = 0, -1
                nodes[id(tensor.node)] = 0
                self._members.add(id(tensor.node))
        return nodes, sorted(operations, key=lambda o: (-operations[o], seen[o]))

    def _check_names(self) -> None:
        names = [operation.name for operation in self.operations]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"Model {self.name!r} has several layers named {', '.join(map(repr, twice))}; give "
                "each a name of its own, by which get_layer and files find it."
            )

    def nodes_of(self, operation: Any) -> list[Node]:
        """The calls of a layer or op that belong to this graph."""
        return [node for node in operation._inbound_nodes if id(node) in self._members]

    def feeding(self, operation: Any) -> list[str]:
        """Where the inputs of a layer or op come from: `name[call][output]`."""
        tensors = [t for node in self.nodes_of(operation) for t in map(self.resolve, node.inputs)]
        return [f"{t.operation.name}[{_call_index(t)}][{t.index}]" for t in tensors]

    def is_chain(self) -> bool:
        """Whether each operation is called once, on one input, and feeds the next."""
        depths = list(self.depths.values())
        alone = len(set(depths)) == len(depths) == len(self.operations)
        return alone and all(len(node.inputs) < 2 for node in self.nodes)

    # running --------------------------------------------------------------------------------------

    def _planned(self) -> list[tuple[Any, Callable[..., Any], list[int], list[int]]]:
        """For each call: what to call, its arguments, where the results go, and what has served."""
        places = {id(t): i for i, t in enumerate(self.inputs)}
        calls = [node for node in self.nodes if node.inputs]
        for node in calls:
            for t in tree.flatten(node.outputs):
                places[id(t)] = len(places)
        self._size = len(places)
        self._results = [places[id(t)] for t in self.outputs]
        self._penalties = [places[id(t)] for t in self.losses]
        kept, steps = {*self._results, *self._penalties}, []
        for node in reversed(calls):
            used = {places[id(self.resolve(t))] for t in node.inputs}
            targets = [places[id(t)] for t in tree.flatten(node.outputs)]
            steps.append((node.operation, self._filler(node, places), targets, [*(used - kept)]))
            kept |= used
        return steps[::-1]

    def _filler(self, node: Node, places: dict[int, int]) -> Callable[[list[Any]], Any]:
        """A function that puts values into the place of the symbolic arguments of a call."""

        def place(leaf: Any) -> Any:
            return places[id(self.resolve(leaf))] if type(leaf) is SymbolicTensor else None

        args, kwargs = node.args, node.kwargs
        if len(args) == 1 and type(args[0]) is SymbolicTensor and not kwargs:
            only = place(args[0])
            return lambda values: ((values[only],), {})
        leaves = tree.flatten((args, kwargs))
        known = [place(leaf) for leaf in leaves]

        def fill(values: list[Any]) -> Any:
            filled = (
                leaf if at is None else values[at] for leaf, at in zip(leaves, known, strict=True)
            )
            return tree.pack_as((args, kwargs), filled)

        return fill

    def run(self, tensors: Sequence[Any]) -> Any:
        """The outputs for a flat list of inputs."""
        values = [*tensors, *[None] * (self._size - len(tensors))]
        for operation, fill, targets, spent in self._steps:
            args, kwargs = fill(values)
            results = operation(*args, **kwargs)
            if len(targets) == 1:
                values[targets[0]] = tree.flatten(results)[0]
            else:
                for place, result in zip(targets, tree.flatten(results), strict=True):
                    values[place] = result
            for place in spent:
                values[place] = None
        call = scope.current()
        if call is not None:
            call.losses += [values[place] for place in self._penalties]
        return single(tree.pack_as(self.outputs_form, (values[place] for place in self._results)))

    def compute_output_spec(self, tensors: Sequence[SymbolicTensor]) -> Any:
        """The symbolic outputs for a flat list of symbolic inputs of other lengths."""
        values = {id(t): given for t, given in zip(self.inputs, tensors, strict=True)}

        def value(leaf: Any) -> Any:
            return values[id(self.resolve(leaf))] if type(leaf) is SymbolicTensor else leaf

        for node in self.nodes:
            if node.inputs:
                args, kwargs = tree.map(value, node.args), tree.map(value, node.kwargs)
                results = tree.flatten(node.operation.compute_output_spec(*args, **kwargs))
                for t, result in zip(tree.flatten(node.outputs), results, strict=True):
                    values[id(t)] = result
        found = tree.map(lambda t: SymbolicTensor(values[id(t)].shape, t.dtype), self.outputs_form)
        return single(found)

    # inputs ---------------------------------------------------------------------------------------

    def arranged(self, x: Any) -> list[Any]:
        """What a caller gave as a flat list in the order of the inputs, in their ranks.

        One tensor for one input; a list, or a dict by name, for several. Raises ValueError that
        says what there is and what is needed.
        """
        flat = self._in_order(x)
        return [
            fitting(tensor, wanted, partial(self._who, wanted))
            for tensor, wanted in zip(flat, self.inputs, strict=True)
        ]

    def _in_order(self, x: Any) -> list[Any]:
        form = self.inputs_form
        if isinstance(x, dict):
            by_name = form if isinstance(form, dict) else {t.operation.name: t for t in self.inputs}
            missing = [key for key in by_name if key not in x]
            if missing:
                raise ValueError(
                    f"Model {self.name!r} takes the inputs {', '.join(map(repr, by_name))}; the "
                    f"dict has {', '.join(map(repr, x)) or 'nothing'}, so "
                    f"{', '.join(map(repr, missing))} is missing."
                )
            x = {key: x[key] for key in by_name}
            if not isinstance(form, dict):
                return list(x.values())
        elif isinstance(form, dict) and len(form) > 1:
            raise ValueError(
                f"Model {self.name!r} takes a dict with the keys {', '.join(map(repr, form))}; got "
                f"{_described(x)}."
            )
        flat = tree.flatten(x)
        if len(flat) != len(self.inputs):
            hint = " Join rows with np.stack(x)." if len(self.inputs) == 1 else ""
            raise ValueError(
                f"Model {self.name!r} takes {len(self.inputs)} inputs ({_names(self.inputs)}); got "
                f"{_described(x)}.{hint}"
            )
        return flat

    def _who(self, wanted: SymbolicTensor) -> tuple[str, str]:
        return f"Model {self.name!r}, input {wanted.operation.name!r},", ""

    def cast(self, tensors: Sequence[Any]) -> list[Any]:
        """The tensors in the dtypes of the inputs; their masks stay with them."""
        found = [ops.cast(x, t.dtype) for x, t in zip(tensors, self.inputs, strict=True)]
        masks.carry(list(tensors), found)
        return found


def single(nest: Any) -> Any:
    """What is in a list of one; anything else as it is."""
    return nest[0] if isinstance(nest, (list, tuple)) and len(nest) == 1 else nest


def fitting(x: Any, wanted: SymbolicTensor, who: Callable[[], tuple[str, str]]) -> Any:
    """`x`, a last axis of length 1 added or dropped as the input has it.

    Raises ValueError where another axis has the wrong length, or the rank is wrong; `who` gives the
    subject of its message, and what to add to it.
    """
    shape, given = wanted.shape, x.shape
    if len(given) == len(shape) and given[1:] == shape[1:]:
        return x
    if len(given) == len(shape) - 1 and shape[-1] == 1:
        x = x[..., None]
    elif len(given) == len(shape) + 1 and given[-1] == 1:
        x = x[..., 0]
    if len(x.shape) == len(shape) and all(
        w is None or g is None or w == g for g, w in zip(x.shape[1:], shape[1:], strict=True)
    ):
        return x
    hint = " For a single row pass x[None]." if tuple(given) == shape[1:] else ""
    subject, where = who()
    raise ValueError(
        f"{subject} takes inputs of shape {shape} (None is the batch, or any length); x has shape "
        f"{tuple(given)}.{where}{hint}"
    )


def _call_index(tensor: SymbolicTensor) -> int:
    """The how-manieth call of its layer made the tensor."""
    calls = tensor.operation._inbound_nodes
    return next(i for i, node in enumerate(calls) if node is tensor.node)


def _check(what: str, tensors: Any) -> None:
    flat = tree.flatten(tensors)
    bad = [t for t in flat if type(t) is not SymbolicTensor]
    if bad or not flat:
        given = f"{bad[0]!r:.80} ({type(bad[0]).__name__})" if bad else "nothing"
        raise ValueError(
            f"The {what} of a Model are symbolic tensors: what Input(shape) gives, and what layers "
            f"and ops give for these; got {given}."
        )


def _names(tensors: Sequence[SymbolicTensor]) -> str:
    return ", ".join(repr(t.operation.name if t.operation else t.name) for t in tensors)


def _described(x: Any) -> str:
    flat = tree.flatten(x)
    if len(flat) == 1:
        return f"one of shape {tuple(getattr(flat[0], 'shape', ()))}"
    shapes = ", ".join(str(tuple(getattr(t, "shape", ()))) for t in flat)
    return f"{len(flat)} of shapes {shapes}"
