"""Randomness as a pure function of (seed, stream, counter): the same numbers on every backend."""

from deepbasics import absent
from deepbasics.philox import bits
from deepbasics.random.draws import (
    beta,
    binomial,
    categorical,
    dropout,
    gamma,
    normal,
    randint,
    shuffle,
    truncated_normal,
    uniform,
)
from deepbasics.random.streams import SeedGenerator, key_of, next_key, set_random_seed

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "dropout",
    "gamma",
    "key_of",
    "next_key",
    "normal",
    "randint",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]

__getattr__ = absent.attributes(__name__)
