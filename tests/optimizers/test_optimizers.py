"""Optimizers: that they optimize, to the same bits in an arena and out of it; what they refuse."""

import numpy as np
import pytest

from deepbasics import Input, Sequential, constraints, layers, ops, optimizers
from deepbasics.backends import registry
from deepbasics.optimizers import schedules
from deepbasics.random import set_random_seed
from deepbasics.variables import Variable

# What each is called with, and a learning rate with which it gets down to the bottom of a valley.
RULES = {
    "SGD": ({}, 0.01),
    "SGD momentum": ({"momentum": 0.9}, 0.001),
    "SGD nesterov": ({"momentum": 0.9, "nesterov": True}, 0.001),
    "RMSprop": ({}, 0.01),
    "RMSprop centered": ({"centered": True, "momentum": 0.5}, 0.001),
    "Adagrad": ({}, 0.5),
    "Adadelta": ({}, 10.0),
    "Adam": ({}, 0.05),
    "Adam amsgrad": ({"amsgrad": True}, 0.05),
    "AdamW": ({}, 0.05),
    "Adamax": ({}, 0.05),
    "Nadam": ({}, 0.05),
    "Lion": ({}, 0.01),
    "Ftrl": ({}, 1.0),
    "Lamb": ({}, 0.01),
    "Adafactor": ({}, 0.01),
}
OPTIONS = [
    {},
    {"weight_decay": 0.1},
    {"clipnorm": 0.3},
    {"global_clipnorm": 0.3},
    {"clipvalue": 0.2},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    {"gradient_accumulation_steps": 3, "use_ema": True, "clipnorm": 0.3},
    {"loss_scale_factor": 8.0},
]
SHAPES = [(3, 2), (), (4,), (2, 1, 3)]


def make(name, **options):
    own, rate = RULES[name]
    return getattr(optimizers, name.split()[0])(rate, **own, **options)


def weights(dtypes=("float32",)):
    rng = np.random.default_rng(3)
    return [
        Variable(rng.normal(size=shape), dtype=dtypes[i % len(dtypes)], name=f"w{i}")
        for i, shape in enumerate(SHAPES)
    ]


def random_gradients(steps=6):
    rng = np.random.default_rng(4)
    return [[rng.normal(size=shape) for shape in SHAPES] for _ in range(steps)]


def minimise(optimizer, loss, variables, steps):
    """Train by gradient descent; the loss at the end."""
    for _ in range(steps):
        _, _, gradients = registry.active().gradients(lambda: (loss(*variables), None), variables)
        optimizer.apply(gradients, variables)
    return float(loss(*variables))


def parabola(x, y):
    return ops.sum(ops.square(x - 1)) + 3 * ops.sum(ops.square(y + 2))


def valley(x, y):
    """Rosenbrock's: 0 at x = y = 1, along a curved floor."""
    return ops.sum(ops.square(1 - x) + 10 * ops.square(y - ops.square(x)))


@pytest.mark.parametrize("name", RULES)
def test_it_finds_the_bottom_of_a_parabola(backend, name):
    variables = [Variable([0.5, 2.0]), Variable([[-0.5]])]
    start = float(parabola(*variables))
    assert minimise(make(name), parabola, variables, 400) < 0.02 * start


@pytest.mark.parametrize("name", RULES)
def test_it_goes_down_a_curved_valley(backend, name):
    variables = [Variable([2.0]), Variable([1.0])]
    start = float(valley(*variables))
    assert minimise(make(name), valley, variables, 800) < 0.1 * start


def state(optimizer, variables):
    return [v.numpy() for v in (*variables, *optimizer.variables)]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", RULES)
def test_an_arena_gives_the_same_bits_as_each_variable_alone(backend, name, options):
    dtypes = ("float32", "float64")
    flat, alone = (make(name, **options) for _ in range(2))
    results = []
    for optimizer in (flat, alone):
        variables = weights(dtypes)
        variables[0].constraint = constraints.MaxNorm(0.8)
        optimizer.exclude_from_weight_decay(var_names=["w2"])
        optimizer.build(variables)
        if optimizer is alone:
            optimizer._arena = None
        for gradients in random_gradients():
            optimizer.apply(gradients, variables)
        results.append(state(optimizer, variables))
    for got, want in zip(*results, strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.dtype == want.dtype


@pytest.mark.parametrize("name", RULES)
def test_both_backends_agree(name):
    results = []
    for backend in registry.available():
        with registry.use_backend(backend, "cpu"):
            optimizer, variables = make(name, clipnorm=1.0), weights(["float64"])
            for gradients in random_gradients(20):
                optimizer.apply(gradients, variables)
            results.append(state(optimizer, variables))
    for other in results[1:]:
        for got, want in zip(other, results[0], strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", RULES)
def test_weights_and_slots_keep_their_dtype(backend, name):
    half = ["float16"] if name != "Lamb" else []  # the norm of its direction overflows in float16
    optimizer, variables = make(name), weights([*half, "float32", "float64"])
    for gradients in random_gradients():
        optimizer.apply([g.astype("float32") for g in gradients], variables)
    slots = {id(v): unit.slots for v, unit in zip(variables, optimizer._units, strict=True)}
    for variable in variables:
        assert {s.numpy().dtype.name for s in slots[id(variable)].values()} <= {variable.dtype}
        assert variable.numpy().dtype.name == variable.dtype
        assert np.isfinite(variable.numpy()).all()


@pytest.mark.parametrize("name", RULES)
def test_a_config_gives_an_optimizer_that_does_the_same(backend, name):
    results = []
    first = make(name, weight_decay=0.01) if name != "AdamW" else make(name)
    for optimizer in (first, optimizers.deserialize(optimizers.serialize(first))):
        variables = weights()
        for gradients in random_gradients():
            optimizer.apply(gradients, variables)
        results.append(state(optimizer, variables))
    for got, want in zip(*results, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", RULES)
def test_a_variable_without_gradient_stays_as_it_is(backend, name):
    optimizer, variables = make(name), weights()
    optimizer.build(variables)
    before = [v.numpy() for v in variables]
    for gradients in random_gradients():  # as when a layer is frozen: it is not named
        optimizer.apply(gradients[1:], variables[1:])
    np.testing.assert_array_equal(variables[0].numpy(), before[0])
    assert all((v.numpy() != old).any() for v, old in zip(variables[1:], before[1:], strict=True))


def test_a_missing_gradient_is_warned_of(backend):
    optimizer, variables = make("Adam"), weights()
    with pytest.warns(UserWarning, match="no gradient for w1, w3"):
        optimizer.apply([np.ones((3, 2)), None, np.ones(4), None], variables)
    assert int(optimizer.iterations) == 1
    with pytest.raises(ValueError, match="no gradient for any variable: w0, w1, w2, w3"):
        optimizer.apply([None] * 4, variables)


def one_step(optimizer, gradient):
    """How far a step of SGD with learning rate 1 goes, per variable."""
    variables = [Variable(np.zeros_like(g)) for g in gradient]
    optimizer.apply(gradient, variables)
    return [-v.numpy() for v in variables]


@pytest.mark.parametrize(
    ("option", "moves"),
    [
        ({"clipnorm": 1.0}, ([0.6, 0.8], [0.5])),
        ({"global_clipnorm": 5.0}, ([3 / 1.004988, 4 / 1.004988], [0.5 / 1.004988])),
        ({"clipvalue": 3.5}, ([3.0, 3.5], [0.5])),
        ({"loss_scale_factor": 2.0}, ([1.5, 2.0], [0.25])),
    ],
)
def test_gradients_are_clipped_each_in_its_way(backend, option, moves):
    got = one_step(optimizers.SGD(1.0, **option), [np.array([3.0, 4.0]), np.array([0.5])])
    for move, want in zip(got, moves, strict=True):
        np.testing.assert_allclose(move, want, rtol=1e-6)


def test_accumulated_gradients_move_the_weights_once_by_their_mean(backend):
    optimizer, variable = optimizers.SGD(1.0, gradient_accumulation_steps=3), Variable([0.0])
    seen = []
    for g in (1.0, 2.0, 6.0, 4.0):
        optimizer.apply([np.array([g])], [variable])
        seen.append((float(variable.numpy()[0]), int(optimizer.iterations)))
    assert seen == [(0.0, 0), (0.0, 0), (-3.0, 1), (-3.0, 1)]


def test_the_learning_rate_can_be_set_at_any_time(backend):
    optimizer, variable = optimizers.SGD(1.0), Variable([0.0])
    optimizer.apply([np.ones(1)], [variable])
    optimizer.learning_rate = 0.5
    optimizer.apply([np.ones(1)], [variable])
    optimizer.lr = np.float32(0.25)
    optimizer.apply([np.ones(1)], [variable])
    assert float(variable.numpy()[0]) == -1.75
    assert float(optimizer.learning_rate) == float(optimizer.lr) == 0.25


def test_a_step_made_by_the_backend_sees_the_learning_rate_of_the_day(backend):
    optimizer, variable = optimizers.SGD(1.0), Variable([0.0])
    optimizer.build([variable])
    step = backend.step(lambda g: optimizer.apply([g], [variable]))
    g = backend.tensor(np.ones(1, "float32"))
    for rate in (1.0, 0.5, 0.25):
        optimizer.learning_rate = rate
        step(g)
    assert float(variable.numpy()[0]) == -1.75
    assert int(optimizer.iterations) == 3


def test_a_function_gives_the_learning_rate_anew_each_step(backend):
    rates = iter([1.0, 0.5])
    optimizer, variable = optimizers.SGD(lambda: next(rates)), Variable([0.0])
    for _ in range(2):
        optimizer.apply([np.ones(1)], [variable])
    assert float(variable.numpy()[0]) == -1.5


def test_a_schedule_cannot_be_overwritten_by_a_number_but_by_a_schedule(backend):
    optimizer = optimizers.SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    with pytest.raises(TypeError, match=r"schedule or function; it cannot be set to 0\.1"):
        optimizer.learning_rate = 0.1
    before = optimizer.constants()
    optimizer.learning_rate = schedules.ExponentialDecay(4.0, 1, 0.5)
    assert float(optimizer.learning_rate) == 4.0
    assert optimizer.constants() != before  # a recorded step must be made anew


def test_a_schedule_survives_the_config(backend):
    config = optimizers.Adam(schedules.CosineDecay(0.1, 10)).get_config()
    again = optimizers.Adam.from_config(config)
    assert float(again.learning_rate) == float(np.float32(0.1))
    assert config == again.get_config()


@pytest.mark.parametrize("rate", [1, np.float32(1), np.array(1.0), np.array([1.0])])
def test_any_number_is_a_learning_rate(backend, rate):
    assert optimizers.Adam(rate).get_config()["learning_rate"] == 1.0


@pytest.mark.parametrize("rate", ["fast", None, [0.1, 0.2]])
def test_anything_else_is_not(rate):
    with pytest.raises((TypeError, ValueError), match="learning_rate must be a number"):
        optimizers.Adam(rate)


def test_variables_are_in_the_order_of_keras(backend):
    optimizer = optimizers.Adam(amsgrad=True, use_ema=True, gradient_accumulation_steps=2)
    optimizer.build([Variable([[1.0]], name="kernel"), Variable([1.0], name="bias")])
    slots = ["average", "gradient_accumulator", ("momentum", "velocity"), "velocity_hat"]
    expected = ["iteration", "learning_rate"]
    for group in slots:
        names = (group,) if isinstance(group, str) else group
        expected += [f"{v}_{slot}" for v in ("kernel", "bias") for slot in names]
    assert [v.path for v in optimizer.variables] == [f"adam/{name}" for name in expected]


def test_the_average_replaces_the_weights_when_training_ends(backend):
    optimizer, variable = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5), Variable([0.0])
    for _ in range(2):
        optimizer.apply([np.ones(1)], [variable])
    optimizer.finalize_variable_values([variable])
    assert float(variable.numpy()[0]) == -1.5  # the mean of -1 and -2


def test_the_decay_of_keras_1_is_by_step(backend):
    with pytest.warns(DeprecationWarning, match="InverseTimeDecay"):
        optimizer = optimizers.SGD(1.0, decay=1.0)
    variable = Variable([0.0])
    for _ in range(3):
        optimizer.apply([np.ones(1)], [variable])
    assert float(variable.numpy()[0]) == pytest.approx(-(1 + 1 / 2 + 1 / 3))
    assert optimizer.get_config()["decay"] == 1.0


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in RULES}))
def test_lr_is_the_learning_rate_with_a_warning(name):
    with pytest.warns(DeprecationWarning, match=r"write learning_rate=0\.5"):
        optimizer = getattr(optimizers, name)(lr=0.5)
    assert float(optimizer.learning_rate) == 0.5


def test_the_schedule_decay_of_keras_1_slows_the_momentum_of_nadam(backend):
    optimizer, variable = optimizers.Nadam(schedule_decay=0.004), Variable([0.0])
    optimizer.apply([np.ones(1)], [variable])
    product = optimizer.variables[-1]
    assert float(product) == pytest.approx(0.9 * (1 - 0.5 * 0.96**0.004))


@pytest.mark.parametrize("name", ["adam", "Adam", "ADAM", optimizers.Adam])
def test_an_optimizer_is_found_by_its_name_in_any_case(name):
    assert type(optimizers.get(name)) is optimizers.Adam


def test_what_get_is_given_ready_made_it_returns():
    made = optimizers.SGD()
    assert optimizers.get(made) is made
    with pytest.raises(ValueError, match="Did you mean 'rmsprop'"):
        optimizers.get("rms_prop")
    with pytest.raises(TypeError, match="optimizer must be a name"):
        optimizers.get(3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "Only one way .* clipnorm=1.0, clipvalue=1.0"),
        ({"clipnorm": -1.0}, "clipnorm must be > 0, not -1.0"),
        ({"use_ema": True, "ema_momentum": 1.5}, r"ema_momentum must lie in \[0, 1\], not 1.5"),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, "ema_overwrite_frequency .* >= 1"),
        ({"gradient_accumulation_steps": 1}, "gradient_accumulation_steps .* >= 2 or None, not 1"),
        ({"momentum": 2.0}, r"momentum must lie in \[0, 1\], not 2.0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        optimizers.SGD(**options)


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(TypeError, match="Did you mean 'clipnorm'"):
        optimizers.Adam(clip_norm=1.0)


def test_gradients_that_do_not_fit_are_refused_before_anything_changes(backend):
    optimizer, variables = make("Adam"), weights()
    before = [v.numpy() for v in variables]
    good = random_gradients(1)[0]
    with pytest.raises(ValueError, match=r"gradient for 'w2' has shape \(2,\); .* has \(4,\)"):
        optimizer.apply([*good[:2], np.ones(2), good[3]], variables)
    with pytest.raises(ValueError, match="3 gradients for 4 variables"):
        optimizer.apply(good[:3], variables)
    with pytest.raises(ValueError, match="was not built for 'stranger'"):
        optimizer.apply([np.ones(1)], [Variable([1.0], name="stranger")])
    assert int(optimizer.iterations) == 0
    for variable, old in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)


def test_without_variables_it_must_be_built(backend):
    with pytest.raises(ValueError, match="needs the variables"):
        optimizers.SGD().apply([np.ones(1)])


def test_an_optimizer_of_ones_own_is_a_formula(backend):
    class Sign(optimizers.Optimizer):
        def update(self, g, w, slots, learning_rate, step):
            return w - learning_rate * ops.sign(g), {}

    variables = [Variable([1.0, -1.0]), Variable([[3.0]])]
    minimise(Sign(0.5), lambda x, y: ops.sum(ops.abs(x)) + ops.sum(ops.abs(y)), variables, 10)
    assert [abs(v.numpy()).max() for v in variables] == [0.0, 0.0]


def test_an_optimizer_moves_between_backends_with_its_state():
    names = registry.available()
    if len(names) < 2:
        pytest.skip("needs two backends")
    first, second = (registry.get(name, "cpu") for name in names[:2])
    results = []
    for move in (False, True):
        with registry.use_backend(first):
            optimizer, variables = make("Adam"), weights(["float64"])
        for i, gradients in enumerate(random_gradients()):
            if move and i == 3:
                optimizer.to(second)
            with registry.use_backend(second if move and i >= 3 else first):
                optimizer.apply(gradients, variables)
        results.append(state(optimizer, variables))
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-11)


def test_an_optimizer_may_be_written_as_keras_3_has_it(backend):
    """`build` and `update_step` do what the formula does, and the state is kept."""

    class Heavy(optimizers.Optimizer):
        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.speeds = [self.add_variable_from_reference(v, "speed") for v in variables]
            self.count = self.add_variable((), name="count")

        def update_step(self, gradient, variable, learning_rate):
            speed = self.speeds[self._get_variable_index(variable)]
            self.assign(speed, 0.9 * speed - learning_rate * gradient)
            self.assign_add(variable, speed)
            self.assign_add(self.count, 1.0)

    settings = {"weight_decay": 0.1, "clipvalue": 0.5}
    want = optimizers.SGD(0.1, momentum=0.9, **settings)
    found = []
    for optimizer in (want, Heavy(0.1, **settings)):
        variables = [Variable([1.0, -1.0]), Variable([[3.0]], name="w")]
        step = backend.step(lambda x, o=optimizer, v=variables: o.apply([x, x[:1, None]], v))
        optimizer.build(variables)
        for i in range(4):
            step(backend.tensor(np.array([1.0, -0.2], "float32") * i))
        found.append([v.numpy() for v in (*variables, *optimizer.variables[2:4])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert optimizer.count.numpy() == 8
    assert [v.name for v in optimizer.variables[2:]] == ["speed", "speed", "count"]
    optimizer.follow(variables[::-1])
    np.testing.assert_array_equal(optimizer.speeds[1].numpy(), found[1][2])
    with pytest.raises(ValueError, match="needs the update as a formula"):
        Heavy(0.1, use_ema=True)
    with pytest.raises(ValueError, match="Heavy defines update_step"):
        optimizers.LossScaleOptimizer(Heavy(0.1))


@pytest.mark.parametrize("shared", ["optimizer", "weights"])
def test_models_trained_in_turn_train_as_if_alone_and_soon_move_nothing(backend, shared):
    """One optimizer for two models, as in many a GAN; and one layer in two models."""

    def rounds(one_for_both):
        set_random_seed(2)
        first, second, common = (layers.Dense(2, "tanh") for _ in range(3))
        parts = [[first], [second]] if shared == "optimizer" else [[common, first], [common]]
        models = [Sequential([Input((2,)), *part]) for part in parts]
        of_first = optimizers.SGD(0.1, momentum=0.9)
        of_second = of_first if one_for_both else optimizers.SGD(0.1, momentum=0.9)
        for model, optimizer in zip(models, (of_first, of_second), strict=True):
            model.compile(optimizer, "mse")
        x, moves = np.eye(2), []
        for _ in range(5):
            for model in models:
                model.train_on_batch(x, x[::-1])
            moves.append(Variable.moves)
        assert moves[-1] == moves[-2]
        return [w for model in models for w in model.get_weights()]

    found = rounds(shared == "optimizer")
    if shared == "optimizer":
        for a, b in zip(found, rounds(False), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_layers_frozen_and_thawed_in_turn_keep_their_state(backend):
    set_random_seed(3)
    model = Sequential([Input((2,)), layers.Dense(3, "tanh"), layers.Dense(1)])
    model.compile(optimizers.SGD(0.1, momentum=0.9), "mse")
    x, y = np.eye(2), np.ones((2, 1))
    for frozen in (False, True, False, True, False):
        model.layers[0].trainable = not frozen
        before = model.layers[0].get_weights()[0]
        model.train_on_batch(x, y)
        assert (before == model.layers[0].get_weights()[0]).all() == frozen
    speeds = [v for v in model.optimizer.variables if v.name == "momentum"]
    assert len(speeds) == 4
    assert all(np.abs(v.numpy()).max() > 0 for v in speeds)
