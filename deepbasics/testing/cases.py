"""The table of cases: primitives, public ops, losses, metrics, layers, optimizers, networks."""

from deepbasics.testing.case import Case
from deepbasics.testing.derived import DERIVED, OF_NO_TENSOR, SYNONYMS
from deepbasics.testing.measures import LOSSES, METRICS
from deepbasics.testing.networks import LAYERS, NETS, OPTIMIZERS
from deepbasics.testing.primitives import ELEMENTWISE, PRIMITIVES

__all__ = [
    "DERIVED",
    "LAYERS",
    "LOSSES",
    "METRICS",
    "NETS",
    "OF_NO_TENSOR",
    "OPTIMIZERS",
    "PRIMITIVES",
    "SYNONYMS",
    "with_edges",
]


def with_edges() -> list[Case]:
    """The primitives whose arguments may be any floats or bools, element by element."""
    return [c for c in ELEMENTWISE if {d.kind for d in c.draws} <= {"float", "bool"}]
