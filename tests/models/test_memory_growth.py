"""Training, predicting and building again and again takes no more memory than doing it once.

Each test warms up (programs are recorded, caches fill), then looks how the memory that Python
holds, the number of live objects and the size of the process change over several equal spans: what
grows in most spans is a leak; a cache that fills once is not.
"""

import gc
import mmap
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepbasics.layers import Dense
from deepbasics.models import Sequential

SPANS = 4
# What a span may add: a little at random, and per turn less than the smallest thing to leak.
BYTES, BYTES_PER_TURN = 4096, 24
OBJECTS, OBJECTS_PER_TURN = 5, 0.1
RESIDENT, RESIDENT_PER_TURN = 1 << 16, 2048  # the allocator takes pages
X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
Y = X[:, :1] > 0


def built() -> Sequential:
    model = Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def resident() -> int:
    """Bytes of the process in memory; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * mmap.PAGESIZE if statm.exists() else 0


def growth(turn: Callable[[], object], turns: int, warm: int) -> tuple[float, float, float]:
    """Bytes, objects and resident bytes that a span of so many turns adds: medians."""
    seen = []
    tracemalloc.start()  # before the warming up: what replaces an untraced string is no growth
    try:
        for _ in range(warm):
            turn()
        for _ in range(SPANS + 1):
            for _ in range(turns):
                turn()
            gc.collect()
            held = tracemalloc.get_traced_memory()[0]
            seen.append((held, len(gc.get_objects()), resident()))
    finally:
        tracemalloc.stop()
    steps = np.diff(np.array(seen, dtype=float), axis=0)
    return tuple(np.median(steps, axis=0))


def assert_flat(turn: Callable[[], object], turns: int, warm: int) -> None:
    held, objects, pages = growth(turn, turns, warm)
    assert held < BYTES + turns * BYTES_PER_TURN, f"{held:.0f} bytes more after {turns} turns"
    assert objects < OBJECTS + turns * OBJECTS_PER_TURN, f"{objects:.0f} objects more"
    assert pages < RESIDENT + turns * RESIDENT_PER_TURN, f"{pages:.0f} resident bytes more"


@pytest.mark.usefixtures("backend")
def test_a_thousand_fits_predictions_and_evaluations_hold_no_memory():
    model = built()

    def turn() -> None:
        model.fit(X, Y, batch_size=4, epochs=1, verbose=0)
        model.predict(X, verbose=0)
        model.evaluate(X, Y, verbose=0)

    assert_flat(turn, turns=1000 // (SPANS + 1), warm=20)


@pytest.mark.usefixtures("backend")
def test_a_thousand_models_built_and_dropped_hold_no_memory():
    assert_flat(built, turns=1000 // (SPANS + 1), warm=50)


@pytest.mark.usefixtures("backend")
def test_models_that_trained_and_were_dropped_hold_no_memory():
    def turn() -> None:
        model = built()
        model.fit(X, Y, batch_size=4, epochs=1, verbose=0)
        model.predict(X, verbose=0)

    assert_flat(turn, turns=10, warm=5)


def test_the_measure_sees_what_is_kept():
    kept = []

    def keep() -> None:
        text = b"x" * 100_000
        pages = mmap.mmap(-1, len(text))  # for sure from the system: the heap may have room left
        pages.write(text)
        kept.append([text, pages])

    held, objects, pages = growth(keep, turns=50, warm=1)
    assert held > 100 * (BYTES / 50 + BYTES_PER_TURN)
    assert objects > 2 * (OBJECTS + 50 * OBJECTS_PER_TURN)
    assert pages > RESIDENT + 50 * RESIDENT_PER_TURN or not resident()
