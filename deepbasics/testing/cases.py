"""The table of cases: every primitive, every derived op."""

from deepbasics.testing.case import Case
from deepbasics.testing.derived import DERIVED, OF_NO_TENSOR, SYNONYMS
from deepbasics.testing.primitives import ELEMENTWISE, PRIMITIVES

__all__ = ["DERIVED", "OF_NO_TENSOR", "PRIMITIVES", "SYNONYMS", "with_edges"]


def with_edges() -> list[Case]:
    """The primitives whose arguments may be any floats or bools, element by element."""
    return [c for c in ELEMENTWISE if {d.kind for d in c.draws} <= {"float", "bool"}]
