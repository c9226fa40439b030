"""Losses: formulas in float64, shapes, weights, reductions, and what is refused."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics import activations, logits, losses, ops
from deepbasics.losses.classes import CLASSES

RNG = np.random.default_rng(2)
Y, P = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
BINARY, CHANCE = RNG.integers(0, 2, (5, 3)).astype(float), RNG.uniform(0.1, 0.9, (5, 3))
EPSILON = 1e-7
FLOAT64 = {"rtol": 1e-13, "atol": 1e-14}  # rounding of some operations on numbers of about 1


def _numpy(x):
    return ops.convert_to_numpy(x)


FORMULAS = {
    "mean_squared_error": (Y, P, ((Y - P) ** 2).mean(1)),
    "sum_squared_error": (Y, P, ((Y - P) ** 2).sum(1)),
    "mean_absolute_error": (Y, P, abs(Y - P).mean(1)),
    "mean_absolute_percentage_error": (Y, P, (100 * abs(Y - P) / abs(Y)).mean(1)),
    "mean_squared_logarithmic_error": (
        CHANCE,
        BINARY,
        ((np.log1p(CHANCE) - np.log1p(np.maximum(BINARY, EPSILON))) ** 2).mean(1),
    ),
    "huber": (Y, P, np.where(abs(Y - P) <= 1, (Y - P) ** 2 / 2, abs(Y - P) - 0.5).mean(1)),
    "log_cosh": (Y, P, np.log(np.cosh(P - Y)).mean(1)),
    "poisson": (BINARY, CHANCE, (CHANCE - BINARY * np.log(CHANCE + EPSILON)).mean(1)),
    "hinge": (2 * BINARY - 1, P, np.maximum(1 - (2 * BINARY - 1) * P, 0).mean(1)),
    "squared_hinge": (BINARY, P, (np.maximum(1 - (2 * BINARY - 1) * P, 0) ** 2).mean(1)),
    "cosine_similarity": (
        Y,
        P,
        -(Y * P).sum(1) / np.sqrt((Y**2).sum(1) * (P**2).sum(1)),
    ),
    "binary_crossentropy": (
        BINARY,
        CHANCE,
        -np.log(np.where(BINARY == 1, CHANCE, 1 - CHANCE)).mean(1),
    ),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_the_value_is_that_of_the_formula(backend, name):
    y, p, expected = FORMULAS[name]
    np.testing.assert_allclose(_numpy(getattr(losses, name)(y, p)), expected, **FLOAT64)


OF_SHAPES = [c for c in CLASSES if c is not losses.CTC]


@pytest.mark.parametrize("loss", OF_SHAPES, ids=lambda c: c.__name__)
def test_labels_wider_than_predictions_are_refused_and_never_broadcast(backend, loss):
    with pytest.raises(ValueError, match=r"labels of shape \(4, 2\).*\(4, 1\)"):
        loss()(np.ones((4, 2)), np.full((4, 1), 0.5))


def test_predictions_without_their_last_axis_are_lined_up(backend):
    y, p = np.arange(4.0), np.ones((4, 1))
    assert float(losses.MeanSquaredError()(y, p)) == float(losses.MeanSquaredError()(y[:, None], p))
    assert _numpy(losses.mean_squared_error(y, p)).shape == (4,)


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", 2.0),
        ("mean", 2.0),
        ("auto", 2.0),
        ("sum", 4.0),
        ("none", [1.0, 3.0]),
        (None, [1.0, 3.0]),
        ("mean_with_sample_weight", 1.0),
    ],
)
def test_reductions_divide_by_the_count_and_not_by_the_weights(backend, reduction, expected):
    loss = losses.MeanAbsoluteError(reduction=reduction)
    y, p = np.zeros((2, 1)), np.array([[1.0], [1.0]])
    value = loss(y, p, sample_weight=np.array([1.0, 3.0]))
    np.testing.assert_allclose(_numpy(value), expected)


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match=r"Unknown reduction 'men'. Did you mean 'mean'"):
        losses.MeanSquaredError(reduction="men")


def test_weights_of_another_length_are_refused(backend):
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\).*shape \(4,\)"):
        losses.MeanSquaredError()(np.zeros((4, 2)), np.zeros((4, 2)), np.ones(3))


def test_an_ignored_class_counts_neither_above_nor_below_the_line(backend):
    p = np.array([[0.3, 0.7], [0.2, 0.8], [0.5, 0.5]])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    expected = -(np.log(0.3) + np.log(0.5)) / 2
    np.testing.assert_allclose(float(loss(np.array([0, -1, 1]), p)), expected, rtol=1e-7)
    assert float(loss(np.array([-1, -1, -1]), p)) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_loss_has_the_dtype_of_the_predictions(backend, dtype):
    p = np.ones((3, 1), dtype)
    assert _numpy(losses.MeanSquaredError()(np.array([1, 2, 3]), p)).dtype == dtype
    assert (
        _numpy(losses.MeanSquaredError(dtype="float64")(np.array([1, 2, 3]), p)).dtype == "float64"
    )


def _gradient(activation, loss, y, z):
    def run(z):
        with logits.scope():
            return loss(y, activations.get(activation)(z))

    value, gradient = ops.value_and_grad(run)(z)
    return float(value), _numpy(gradient)


@pytest.mark.parametrize(
    ("activation", "loss", "y", "z", "expected"),
    [
        ("sigmoid", "BinaryCrossentropy", [[0.0]], [[40.0]], [[1.0]]),
        ("softmax", "CategoricalCrossentropy", [[1.0, 0.0]], [[-40.0, 40.0]], [[-1.0, 1.0]]),
        ("softmax", "SparseCategoricalCrossentropy", [0], [[-40.0, 40.0]], [[-1.0, 1.0]]),
    ],
)
def test_a_saturated_output_still_has_a_gradient(backend, activation, loss, y, z, expected):
    y, z = np.array(y), np.array(z, "float32")
    value, gradient = _gradient(activation, getattr(losses, loss)(), y, z)
    assert value == pytest.approx(abs(z).max() * z.size)
    np.testing.assert_allclose(gradient, expected, atol=1e-7)


def test_without_a_note_probabilities_are_clipped(backend):
    value = losses.BinaryCrossentropy()(np.float32([[0.0]]), np.float32([[1.0]]))
    assert float(value) == pytest.approx(15.942385, rel=1e-6)


@pytest.mark.parametrize("z", [-3.0, -0.5, 0.0, 2.0])
def test_with_and_without_the_note_the_loss_is_one(backend, z):
    y, z = np.array([[1.0, 0.0, 0.3]]), np.array([[z, 1.0, -1.0]])
    noted, slope = _gradient("sigmoid", losses.BinaryCrossentropy(), y, z)
    plain, expected = ops.value_and_grad(
        lambda z: losses.BinaryCrossentropy()(y, activations.sigmoid(z))
    )(z)
    np.testing.assert_allclose(noted, float(plain), rtol=1e-12)
    np.testing.assert_allclose(slope, _numpy(expected), rtol=1e-12)


def test_a_note_holds_for_labels_without_the_last_axis(backend):
    value, gradient = _gradient(
        "sigmoid", losses.BinaryCrossentropy(), np.zeros(2), np.full((2, 1), 40.0)
    )
    assert value == pytest.approx(40.0)
    np.testing.assert_allclose(gradient, [[0.5], [0.5]])


def test_a_loss_of_ones_own_gets_floats_of_equal_rank(backend):
    class Absolute(losses.Loss):
        def call(self, y_true, y_pred):
            assert ops.dtype(y_true) == ops.dtype(y_pred) == "float32"
            return ops.abs(y_true - y_pred)

    value = Absolute()(np.array([1, 2, 3]), np.zeros((3, 1), "float32"))
    assert float(value) == 2.0

    def absolute(y_true, y_pred):
        return ops.abs(y_true - y_pred)

    value = losses.resolve(absolute)(np.array([1, 2, 3]), np.zeros((3, 1), "float32"))
    assert float(value) == 2.0


def test_a_network_learns_to_spell(backend):
    """Six steps of noise around the letters 1, 2 and 3: CTC finds out in which steps they are."""
    rng = np.random.default_rng(0)
    letters = rng.integers(1, 4, (64, 2))
    steps = np.repeat(np.eye(4)[letters], 3, axis=1) + 0.1 * rng.normal(size=(64, 6, 4))
    model = db.Sequential([db.Input((6, 4)), db.layers.Dense(8, "tanh"), db.layers.Dense(4)])
    model.compile(db.optimizers.Adam(0.03), db.losses.CTC())
    labels = np.pad(letters, ((0, 0), (0, 1)))  # filled up with no letter
    history = model.fit(steps, labels, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.2 * history[0]
    with pytest.raises(ValueError, match=r"labels of shape \(batch, longest\).*got \(64,\)"):
        losses.ctc(labels[:, 0], steps)
