"""Learning rate schedules against Keras 3, step by step."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

from deepbasics.optimizers import schedules  # noqa: E402 - Keras reads its backend when imported

# Float32 in Keras, float64 here. The cosine of a float32 angle near π is off by some 1e-7, which
# counts in initial rates.
RELATIVE, OF_INITIAL = 3e-6, 3e-7

CASES = [
    ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.9}),
    ("ExponentialDecay", {"decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ("InverseTimeDecay", {"decay_steps": 3, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"decay_steps": 3, "decay_rate": 0.5, "staircase": True}),
    ("PolynomialDecay", {"decay_steps": 20}),
    ("PolynomialDecay", {"decay_steps": 20, "power": 2.5, "end_learning_rate": 0.02}),
    ("PolynomialDecay", {"decay_steps": 10, "power": 0.5, "cycle": True}),
    ("CosineDecay", {"decay_steps": 20}),
    ("CosineDecay", {"decay_steps": 20, "alpha": 0.1}),
    ("CosineDecay", {"decay_steps": 15, "warmup_target": 0.5, "warmup_steps": 10, "alpha": 0.2}),
    ("CosineDecay", {"decay_steps": 15, "warmup_target": 0.5}),
    ("CosineDecayRestarts", {"first_decay_steps": 8}),
    ("CosineDecayRestarts", {"first_decay_steps": 8, "t_mul": 1.0, "m_mul": 0.5}),
    ("CosineDecayRestarts", {"first_decay_steps": 8, "t_mul": 1.5, "m_mul": 0.9, "alpha": 0.1}),
]
PIECES = [
    {"boundaries": [4, 9, 20], "values": [0.1, 0.05, 0.2, 0.01]},
    {"boundaries": [4], "values": [0.1, 0.05]},
]
CASES = [(name, {"initial_learning_rate": 0.1} | given) for name, given in CASES]
CASES += [("PiecewiseConstantDecay", given) for given in PIECES]


@pytest.mark.parametrize(("name", "given"), CASES)
def test_the_rates_of_60_steps_are_those_of_keras(backend, name, given):
    ours = getattr(schedules, name)(**given)
    theirs = getattr(keras.optimizers.schedules, name)(**given)
    # Keras' float32 logarithm misses the restart at 8 + 12; ours is tested beside the schedules.
    steps = [t for t in range(60) if (given.get("t_mul"), t) != (1.5, 20)]
    got = [float(ours(t)) for t in steps]
    want = [float(theirs(t)) for t in steps]
    np.testing.assert_allclose(got, want, rtol=RELATIVE, atol=OF_INITIAL * 0.1)


@pytest.mark.parametrize(("name", "given"), CASES)
def test_configs_are_those_of_keras(name, given):
    theirs = getattr(keras.optimizers.schedules, name)(**given)
    assert getattr(schedules, name)(**given).get_config() == theirs.get_config()


@pytest.mark.parametrize(("name", "given"), CASES)
def test_what_keras_serialises_can_be_read(name, given):
    theirs = keras.optimizers.schedules.serialize(
        getattr(keras.optimizers.schedules, name)(**given)
    )
    assert schedules.deserialize(theirs).get_config() == theirs["config"]
