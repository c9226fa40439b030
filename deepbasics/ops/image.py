"""`ops.image`: ops on images."""

from deepbasics.ops import NAMESPACES, OPS

__all__ = list(NAMESPACES["image"])
globals().update({name: OPS[name] for name in __all__})
