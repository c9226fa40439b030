"""Schedules: restarts, limits, refusals, configs; tests/oracle holds the formulas against Keras."""

import numpy as np
import pytest

from deepbasics import config, ops
from deepbasics.optimizers import schedules
from deepbasics.variables import Variable

CASES = [
    schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True),
    schedules.InverseTimeDecay(0.1, 3, 0.5),
    schedules.PiecewiseConstantDecay([3, 7], [0.1, 0.2, 0.3]),
    schedules.PolynomialDecay(0.1, 5, power=2.0, cycle=True),
    schedules.CosineDecay(0.1, 5, warmup_target=0.5, warmup_steps=4),
    schedules.CosineDecayRestarts(0.1, 5, m_mul=0.5, alpha=0.1),
]


def name_of(schedule):
    return schedule.name


@pytest.mark.parametrize("t_mul", [1.0, 1.5, 2.0, 3.0, 7.0])
def test_every_restart_falls_on_its_step(backend, t_mul):
    schedule = schedules.CosineDecayRestarts(1.0, 64, t_mul=t_mul)
    restarts = np.cumsum([64 * t_mul**i for i in range(6)]).astype(int)
    assert [float(schedule(t)) for t in restarts] == [1.0] * 6
    assert max(float(schedule(t - 1)) for t in restarts) < 0.01


@pytest.mark.parametrize("schedule", CASES, ids=name_of)
def test_a_rate_is_a_scalar_of_floatx(backend, schedule):
    for floatx in ("float32", "float64"):
        before = config.floatx()
        config.set_floatx(floatx)
        try:
            rates = [schedule(2), schedule(Variable(2, dtype="int64"))]
        finally:
            config.set_floatx(before)
        assert [(tuple(r.shape), ops.dtype(r)) for r in rates] == [((), floatx)] * 2
        assert float(rates[0]) == float(rates[1])


@pytest.mark.parametrize("schedule", CASES, ids=name_of)
def test_a_config_gives_the_same_schedule(backend, schedule):
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule)
    assert [float(again(t)) for t in range(20)] == [float(schedule(t)) for t in range(20)]


def test_warming_up_from_the_first_step_divides_by_nothing(backend):
    schedule = schedules.CosineDecay(0.0, 10, warmup_target=0.5)
    assert float(schedule(0)) == 0.5


@pytest.mark.parametrize("name", ["ExponentialDecay", "InverseTimeDecay"])
def test_a_decay_needs_steps(name):
    with pytest.raises(ValueError, match=r"decay_steps .* must be > 0, not 0"):
        getattr(schedules, name)(0.1, 0, 0.5)


def test_pieces_need_one_value_more_than_boundaries():
    with pytest.raises(ValueError, match="got 2 boundaries and 2 values"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])


def test_a_schedule_of_ones_own_must_define_the_call():
    with pytest.raises(NotImplementedError, match="LearningRateSchedule must define __call__"):
        schedules.LearningRateSchedule()(0)


def test_an_unknown_schedule_names_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'CosineDecay'"):
        schedules.deserialize({"class_name": "CosinDecay", "config": {}})
