"""Weights and slots after 20 steps on the same gradients, against Keras 3."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras", reason="the oracle is Keras 3")

from deepbasics import constraints, optimizers  # noqa: E402 - Keras reads its backend when imported
from deepbasics.variables import Variable  # noqa: E402

MODULES = (optimizers, keras.optimizers)
STEPS = 20
RATE = 0.01
SHAPES = [(5, 4), (4,), (2, 3, 2)]
WEIGHTS = 1e-4  # learning rates: rounding of the moves, 20 times
ROUNDING = {"float32": STEPS * 6e-8, "float64": STEPS * 1.2e-16}  # of the weights, once a step
SLOTS = 2e-6  # relative

OPTIONS = {
    "plain": {},
    "weight_decay": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 0.5},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "ema": {"use_ema": True, "ema_momentum": 0.8},
    "ema_overwrite": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3},
    "accumulation_clip": {"gradient_accumulation_steps": 3, "clipnorm": 0.5},
    "accumulation_ema": {
        "gradient_accumulation_steps": 4, "use_ema": True, "ema_overwrite_frequency": 2,
    },
    "accumulation_decay": {"gradient_accumulation_steps": 3, "weight_decay": 0.1},
    "loss_scale": {"loss_scale_factor": 4.0},
}  # fmt: skip
RULES = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop": [{}, {"momentum": 0.5}, {"centered": True}, {"centered": True, "momentum": 0.5}],
    "Adagrad": [{}, {"initial_accumulator_value": 0.0}],
    "Adadelta": [{}, {"rho": 0.8, "epsilon": 1e-4}],
    "Adam": [{}, {"amsgrad": True}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}],
    "AdamW": [{}, {"amsgrad": True}],
    "Adamax": [{}],
    "Nadam": [{}, {"beta_1": 0.8}],
    "Lion": [{}],
    "Ftrl": [
        {},
        {"beta": 0.1, "l1_regularization_strength": 0.01, "l2_regularization_strength": 0.1},
        {"learning_rate_power": -0.7, "l2_shrinkage_regularization_strength": 0.1},
    ],
    "Adafactor": [{}, {"relative_step": False, "clip_threshold": 0.5}],
}
CASES = [(name, own, {}) for name, sets in RULES.items() for own in sets] + [
    (name, {}, options) for name in RULES for options in OPTIONS.values() if options
]


def label(case):
    name, own, options = case
    return "-".join([name, *(f"{k}={v}" for k, v in (own | options).items())])


def starting_values(dtype):
    rng = np.random.default_rng(1)
    return [rng.normal(size=shape).astype(dtype) for shape in SHAPES]


def gradients(dtype):
    rng = np.random.default_rng(2)
    return [[rng.normal(size=shape).astype(dtype) for shape in SHAPES] for _ in range(STEPS)]


def trained(optimizer, make, dtype, limits=(None, None, None)):
    """The weights and the optimizer's state after all steps, as NumPy arrays."""
    variables = [make(value, dtype) for value in starting_values(dtype)]
    for variable, limit in zip(variables, limits, strict=True):
        variable.constraint = limit
    for grads in gradients(dtype):
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in grads], variables)
    return [as_array(v) for v in variables], [as_array(v) for v in optimizer.variables]


def ours(value, dtype):
    return Variable(value, dtype=dtype)


def theirs(value, dtype):
    return keras.Variable(value, dtype=dtype)


def as_array(variable):
    ours_ = isinstance(variable, Variable)
    return variable.numpy() if ours_ else keras.ops.convert_to_numpy(variable.value)


def assert_same(name, settings, dtype="float32", rates=(RATE, RATE), weights=WEIGHTS, slots=SLOTS):
    made = [getattr(m, name)(rate, **settings) for m, rate in zip(MODULES, rates, strict=True)]
    w, state = trained(made[0], ours, dtype)
    expected_w, expected_state = trained(made[1], theirs, dtype)
    for got, want in zip(w, expected_w, strict=True):
        np.testing.assert_allclose(got, want, rtol=ROUNDING[dtype], atol=weights * RATE)
    if name == "Adafactor":  # Keras keeps unused integers for vectors
        state, expected_state = ([s for s in both if s.ndim] for both in (state, expected_state))
    assert [s.shape for s in state] == [s.shape for s in expected_state]
    for got, want in zip(state, expected_state, strict=True):
        scale = np.abs(want).max()
        np.testing.assert_allclose(got, want, rtol=slots, atol=slots * scale)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_weights_and_slots_after_20_steps_are_those_of_keras(backend, case):
    name, own, options = case
    assert_same(name, own | options)


# Keras on torch computes AdamW's factor of decay, and parts of Adafactor, in float32 all the same.
@pytest.mark.parametrize("name", [name for name in RULES if name not in ("AdamW", "Adafactor")])
def test_in_float64_too(backend, name):
    assert_same(name, {}, "float64", weights=1e-10, slots=1e-11)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize(
    ("schedule", "arguments"),
    [
        ("ExponentialDecay", (RATE, 5, 0.5)),
        ("CosineDecay", (RATE, 12)),
        ("PiecewiseConstantDecay", ([3, 9], [RATE, RATE / 2, RATE / 10])),
    ],
)
def test_a_schedule_is_evaluated_before_each_step(backend, name, schedule, arguments):
    rates = [getattr(module.schedules, schedule)(*arguments) for module in MODULES]
    assert_same(name, {"weight_decay": 0.1}, rates=rates)


@pytest.mark.parametrize("name", ["SGD", "Adam", "Lion"])
def test_constraints_are_applied_after_the_update_and_its_average(backend, name):
    settings = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}
    both = []
    for module, rules, make in (
        (optimizers, constraints, ours), (keras.optimizers, keras.constraints, theirs),
    ):  # fmt: skip
        limits = [rules.MaxNorm(1.0), rules.NonNeg(), None]
        optimizer = getattr(module, name)(RATE, **settings)
        both.append(trained(optimizer, make, "float32", limits)[0])
    for got, want in zip(*both, strict=True):
        np.testing.assert_allclose(got, want, rtol=ROUNDING["float32"], atol=WEIGHTS * RATE)


@pytest.mark.parametrize("name", RULES)
def test_configs_have_the_keys_and_defaults_of_keras(name):
    mine = getattr(optimizers, name)().get_config()
    keras_config = getattr(keras.optimizers, name)().get_config()
    assert mine.keys() == keras_config.keys()
    for key in mine.keys() - {"name"}:
        assert mine[key] == pytest.approx(keras_config[key]), key
