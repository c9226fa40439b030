"""Paths as people write them."""

import os


def as_path(path: str | bytes | os.PathLike) -> str:
    """A path as a string; a leading `~` is the home folder.

    >>> as_path(b"runs/m.keras")
    'runs/m.keras'
    """
    return os.path.expanduser(os.fsdecode(path))
