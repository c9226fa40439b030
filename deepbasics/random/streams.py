"""Which stream a draw comes from: the global seed and its streams, `SeedGenerator`, integer seeds.

A key is (seed, stream). Stream 0 is that of a seed the user gave by hand; streams 1, 2, ... are
handed out in order to whatever has no seed of its own, so the same script draws the same numbers on
every backend, and no two streams meet.
"""

import operator
import os
import random as _python_random
from itertools import count
from threading import Lock
from typing import Any

import numpy as np

from deepbasics.backends import registry
from deepbasics.philox import Key
from deepbasics.variables import Variable

SEED_VARIABLE = "DEEPBASICS_SEED"
_WORD = 2**64
_lock = Lock()
_global: dict[str, Any] = {"seed": None, "streams": count(1)}


def as_seed(seed: object) -> int:
    """`seed` as an int. Raises ValueError for anything that is not an integer."""
    try:
        return operator.index(seed)
    except TypeError:
        raise ValueError(
            f"A seed must be an integer, a SeedGenerator or None; got {seed!r} "
            f"({type(seed).__name__})."
        ) from None


def set_random_seed(seed: int) -> None:
    """Make what follows repeatable: seeds us, Python's `random` and NumPy's legacy generator.

    >>> set_random_seed(7)
    >>> next_key(), next_key()
    ((7, 1), (7, 2))
    """
    seed = as_seed(seed)
    with _lock:
        _global.update(seed=seed % _WORD, streams=count(1))
    _python_random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - scripts that still use it must repeat too


def next_key() -> Key:
    """The key of a fresh stream of the global generator.

    Without `set_random_seed` the seed is that of the environment (DEEPBASICS_SEED), else fresh
    entropy at first use.
    """
    with _lock:
        if _global["seed"] is None:
            _global["seed"] = _initial_seed() % _WORD
        return _global["seed"], next(_global["streams"])


def _initial_seed() -> int:
    text = os.environ.get(SEED_VARIABLE)
    if not text:
        return int.from_bytes(os.urandom(8), "little")
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{SEED_VARIABLE} must be an integer; it is {text!r}.") from None


def key_of(seed: int | None) -> Key:
    """The key of an integer seed; of None, a fresh stream of the global generator."""
    return next_key() if seed is None else (as_seed(seed) % _WORD, 0)


class SeedGenerator:
    """A stream with a position: each draw with this as its `seed` continues where the last ended.

    Args:
        seed: an integer; None takes a fresh stream of the global generator.
        name: shown in errors and files.

    `key` is fixed; `counter`, a non-trainable int64 scalar `Variable`, counts the blocks used, so
    that a recorded step advances it and a saved model keeps it.

    >>> generator = SeedGenerator(seed=1)
    >>> int(generator.next(3)), int(generator.next())
    (0, 3)
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        self.seed = None if seed is None else as_seed(seed)
        self.name = name or "seed_generator"
        self.key = key_of(self.seed)
        self.counter = Variable(0, dtype="int64", trainable=False, name="seed_generator_state")

    def next(self, blocks: int = 1) -> Any:
        """The counter as a tensor, before it advances by `blocks`."""
        before = self.counter + 0  # a copy: the Variable is updated in place
        self.counter.assign_add(blocks)
        return before

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"seed": self.seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SeedGenerator":
        """The inverse of `get_config`."""
        return cls(**config)


def stream(seed: "int | SeedGenerator | None", blocks: int) -> tuple[Key, Any]:
    """(key, counter) of a draw that uses `blocks` blocks.

    An integer gives the same stream from its start each time; a SeedGenerator its next blocks, the
    counter as a tensor; None a fresh stream, which a recorded step cannot repeat.
    """
    if isinstance(seed, SeedGenerator):
        return seed.key, seed.next(blocks)
    if seed is None:
        registry.active().unrecordable("a random draw without a seed")
    return key_of(seed), 0
