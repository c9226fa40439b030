"""`ops.linalg`: factors of matrices and what they solve, as Keras groups them."""

from deepbasics import absent
from deepbasics.ops import NAMESPACES, OPS

__all__ = list(NAMESPACES["linalg"])
globals().update({name: OPS[name] for name in __all__})

__getattr__ = absent.attributes(__name__)
