"""`ops.image`: ops on images."""

from deepbasics import absent
from deepbasics.ops import NAMESPACES, OPS

__all__ = list(NAMESPACES["image"])
globals().update({name: OPS[name] for name in __all__})

__getattr__ = absent.attributes(__name__)
