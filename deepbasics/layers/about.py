"""What a layer tells about itself beside its config and its weights, under Keras' names."""

from collections.abc import Mapping
from typing import Any

from deepbasics.layers.shapes import map_shapes
from deepbasics.layers.signatures import parameters
from deepbasics.metrics import Metric
from deepbasics.variables import Variable


class About:
    """The part of a layer that says where it is, what it takes and measures, how it was built."""

    @property
    def path(self) -> str:
        """The names of the layers that it was built in and its own, as "encoder/dense"."""
        return vars(self).get("_path", self.name)

    @property
    def input_dtype(self) -> str:
        """The dtype that float inputs are cast to."""
        return self.compute_dtype

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that the layer and its sublayers hold."""
        found = [*self._held(Metric), *(m for layer in self.sublayers() for m in layer.metrics)]
        return list({id(m): m for m in found}.values())

    @property
    def metrics_variables(self) -> list[Variable]:
        """The state of the metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for, as `build_from_config` takes them.

        `{"input_shape": shape}`, or `{"shapes_dict": {...}}` where `build` takes several; None
        before it is built.
        """
        args, kwargs = vars(self).get("_built_for", ((), {}))
        shapes = dict(zip(parameters(type(self).build), args, strict=False)) | kwargs
        if not shapes:
            shape = getattr(self, "input_shape", None)  # of a model of symbolic tensors
            return None if shape is None else {"input_shape": shape}
        if len(shapes) > 1:
            return {"shapes_dict": shapes}
        return {"input_shape": next(iter(shapes.values()))}

    def build_from_config(self, config: Mapping[str, Any] | None) -> None:
        """Build the layer, unless it is, for the shapes that `get_build_config` gave."""
        if self.built or not config:
            return
        if "input_shape" in config:
            self._build(map_shapes(tuple, config["input_shape"]))
        else:
            self._build(**{k: map_shapes(tuple, s) for k, s in config["shapes_dict"].items()})
