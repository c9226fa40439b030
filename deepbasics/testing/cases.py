"""The table of cases: primitives, public ops, losses, metrics, layers, optimizers, networks.

A module of rows has lists of these names; a new module is one more line below.
"""

from typing import Any

from deepbasics.testing import (
    cases_control,
    cases_conv,
    cases_conv_layers,
    cases_fourier,
    cases_graphs,
    cases_images,
    cases_maths,
    cases_matrices,
    cases_nn,
    cases_order,
    cases_preprocessing,
    cases_recurrent,
    cases_sequences,
    cases_shape,
    derived,
    measures,
    networks,
    primitives,
)
from deepbasics.testing.case import Case

MODULES = (
    cases_conv,
    cases_conv_layers,
    cases_control,
    cases_fourier,
    cases_graphs,
    cases_images,
    cases_maths,
    cases_matrices,
    cases_nn,
    cases_order,
    cases_preprocessing,
    cases_shape,
    cases_recurrent,
    cases_sequences,
    derived,
    measures,
    networks,
    primitives,
)


def _gathered(name: str) -> list[Any]:
    return [row for module in MODULES for row in getattr(module, name, ())]


PRIMITIVES: list[Case] = _gathered("PRIMITIVES")
DERIVED: list[Case] = _gathered("DERIVED")
LOSSES: list[Case] = _gathered("LOSSES")
METRICS: list[Case] = _gathered("METRICS")
LAYERS: list[Any] = _gathered("LAYERS")
OPTIMIZERS: list[Any] = _gathered("OPTIMIZERS")
NETS: list[Any] = _gathered("NETS")
OF_NO_TENSOR: set[str] = set(_gathered("OF_NO_TENSOR"))
SYNONYMS: dict[str, str] = {
    name: same for module in MODULES for name, same in getattr(module, "SYNONYMS", {}).items()
}


def with_edges() -> list[Case]:
    """The elementwise primitives (ELEMENTWISE) whose arguments may be any floats or bools."""
    return [c for c in _gathered("ELEMENTWISE") if {d.kind for d in c.draws} <= {"float", "bool"}]
