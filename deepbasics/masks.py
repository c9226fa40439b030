"""The mask that travels with a tensor: which of its time steps count.

`Embedding(mask_zero=True)` and `Masking` attach a mask to their output; a layer hands it on
(`compute_mask`) or uses it (`call(inputs, mask)`), and a loss leaves out what it hides. An array
takes no attributes, so the masks lie in a table, from which they go when their tensor does.
"""

from typing import Any, NamedTuple
from weakref import ref

from deepbasics import tree


class Note(NamedTuple):
    """The mask of one tensor, and the layer that made it."""

    tensor: ref
    mask: Any
    source: str


_notes: dict[int, Note] = {}


def attach(x: Any, mask: Any, source: str = "") -> Any:
    """Give the tensor `x` (not a scalar) a mask, or None to take it away; returns `x`.

    >>> import numpy as np
    >>> x = attach(np.zeros((1, 2, 3)), np.array([[True, False]]))
    >>> mask_of(x)
    array([[ True, False]])
    """
    key = id(x)
    if mask is None:
        _notes.pop(key, None)
    else:
        _notes[key] = Note(ref(x, lambda _: _notes.pop(key, None)), mask, source)
    return x


def attach_each(tensors: Any, found: Any) -> None:
    """Give the tensors of a nest the masks that `mask_of` found for it."""
    if found is not None:
        for x, mask in zip(tree.flatten(tensors), tree.flatten(found), strict=True):
            attach(x, mask)


def mask_of(tensors: Any) -> Any:
    """The mask of a tensor or None; of a nest of tensors a nest of masks, or None for none."""
    if not _notes:
        return None
    if not isinstance(tensors, (list, tuple, dict)):
        note = _notes.get(id(tensors))
        return None if note is None else note.mask
    found = tree.map(mask_of, tensors)
    return found if any(m is not None for m in tree.flatten(found)) else None


def source_of(tensors: Any) -> str:
    """The name of the layer that made the first mask among those of the tensors."""
    notes = (_notes.get(id(t)) for t in tree.flatten(tensors))
    return next((note.source for note in notes if note is not None), "")


def carry(tensors: Any, results: Any) -> None:
    """Give each result the mask of the tensor it was made of, in a nest of the same form.

    A list of numbers or strings that became one tensor has no mask.
    """
    if not _notes:
        return
    given, made = tree.flatten(tensors), tree.flatten(results)
    if len(given) != len(made):
        return
    for x, y in zip(given, made, strict=True):
        note = _notes.get(id(x))
        if note is not None and x is not y:
            attach(y, note.mask, note.source)
