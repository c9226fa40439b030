"""Metrics: state, weights, names, the accuracy rule, and use inside a recorded step."""

import inspect

import numpy as np
import pytest

from deepbasics import activations, logits, losses, metrics, ops

RNG = np.random.default_rng(4)
ONE_HOT = np.eye(3)[RNG.integers(0, 3, 8)]
CHANCE = RNG.dirichlet(np.ones(3), 8)
BINARY = RNG.integers(0, 2, (8, 3)).astype(float)

# Arguments of the metrics that need some.
NEEDED = {
    "IoU": {"num_classes": 3, "target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
NAMES = [
    name
    for name in metrics.__all__
    if inspect.isclass(getattr(metrics, name)) and name not in ("Metric", "MeanMetricWrapper")
]


def _make(name, **arguments):
    return getattr(metrics, name)(**NEEDED.get(name, {}), **arguments)


def _update_arguments(name):
    if name in ("Mean", "Sum"):
        return (CHANCE,)
    if name.startswith("Sparse"):
        return ONE_HOT.argmax(1), CHANCE
    if name.endswith("IoU") and name != "BinaryIoU":
        return ONE_HOT.argmax(1), CHANCE.argmax(1)
    return (BINARY if "Accuracy" not in name else ONE_HOT), CHANCE


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_step_gives_what_plain_updates_give(backend, name):
    arguments = [np.asarray(a) for a in _update_arguments(name)]
    plain, recorded = _make(name), _make(name)
    for metric in (plain, recorded):  # makes the Variables of those that wait for a width
        metric.update_state(*arguments)
        metric.reset_state()
    step = backend.step(recorded.update_state)
    for start in (0, 3, 6):  # the last is smaller
        batch = [ops.convert_to_tensor(a[start : start + 3]) for a in arguments]
        plain.update_state(*batch)
        step(*batch)
    np.testing.assert_allclose(
        ops.convert_to_numpy(recorded.result()), ops.convert_to_numpy(plain.result()), rtol=1e-6
    )
    assert any(v.numpy().any() for v in recorded.variables)


@pytest.mark.parametrize("name", NAMES)
def test_names_and_configs_survive_serialisation(name):
    metric = _make(name)
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert set(inspect.signature(type(metric)).parameters) <= {
        *metric.get_config(),
        "args",
        "kwargs",
    }


@pytest.mark.parametrize("name", NAMES)
def test_before_the_first_batch_the_result_is_zero(backend, name):
    assert not ops.convert_to_numpy(_make(name).result()).any()


@pytest.mark.parametrize("reset", ["reset_state", "reset_states"])
def test_a_reset_forgets_every_batch(backend, reset):
    metric = metrics.Mean()
    metric.update_state([3.0, 5.0])
    getattr(metric, reset)()
    assert float(metric([1.0])) == 1.0


def test_a_call_updates_and_gives_the_result_so_far(backend):
    metric = metrics.MeanSquaredError()
    assert float(metric(np.zeros((1, 1)), np.ones((1, 1)))) == 1.0
    assert float(metric(np.zeros((1, 1)), np.zeros((1, 1)))) == 0.5


def test_a_metric_of_ones_own_keeps_its_state_in_variables(backend):
    class Largest(metrics.Metric):
        def __init__(self, name="largest"):
            super().__init__(name=name)
            self.value = self.add_variable(name="value")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.value.assign(ops.maximum(self.value, ops.max(y_pred)))

        def result(self):
            return self.value.value

    metric = Largest()
    for p in ([1.0, 7.0], [2.0, 3.0]):
        metric.update_state(None, np.float32(p))
    assert float(metric.result()) == 7.0
    assert [v.path for v in metric.variables] == ["largest/value"]
    assert Largest.from_config({"name": "big"}).name == "big"


def test_a_name_in_snake_case_is_made_from_the_class():
    assert metrics.AUC().name == "auc"
    assert _make("MeanIoU").name == "mean_io_u"
    assert metrics.TruePositives().name == "true_positives"


@pytest.mark.parametrize(
    ("loss", "y", "p", "kind"),
    [
        ("binary_crossentropy", (None, 3), (None, 3), "Binary"),
        ("categorical_crossentropy", (None, 1), (None, 1), "Categorical"),
        (losses.SparseCategoricalCrossentropy(), (None, 3), (None, 3), "SparseCategorical"),
        ("mse", (None, 1), (None, 1), "Binary"),
        ("mse", (None,), (None, 1), "Binary"),
        ("mse", (None,), (None, 3), "SparseCategorical"),
        ("mse", (None, 1), (None, 3), "SparseCategorical"),
        ("mse", (None, 3), (None, 3), "Categorical"),
        (None, (None, 3), (None, 3), "Categorical"),
        (lambda y_true, y_pred: y_pred, (None, 5, 1), (None, 5, 3), "SparseCategorical"),
    ],
)
def test_accuracy_follows_a_crossentropy_and_else_the_shapes(loss, y, p, kind):
    for name, suffix in [
        ("accuracy", "Accuracy"),
        ("acc", "Accuracy"),
        ("crossentropy", "Crossentropy"),
        ("ce", "Crossentropy"),
    ]:
        metric = metrics.resolve(name, loss, y, p)
        assert type(metric).__name__ == kind + suffix
        assert metric.name == name


def _own(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("mae", "mae"),
        ("mean_absolute_error", "mean_absolute_error"),
        ("MeanAbsoluteError", "MeanAbsoluteError"),
        (metrics.MeanAbsoluteError(name="m"), "m"),
        (metrics.MeanAbsoluteError, "mean_absolute_error"),
        (losses.mean_absolute_error, "mean_absolute_error"),
        (losses.MeanAbsoluteError(reduction="sum"), "mean_absolute_error"),
        (_own, "_own"),
    ],
)
def test_a_metric_is_named_as_the_user_wrote_it(backend, identifier, name):
    metric = metrics.resolve(identifier, "mse", (None, 2), (None, 2))
    metric.reset_state()
    metric.update_state(np.array([1, 2]), np.array([[2.0], [5.0]]))
    assert metric.name == name
    assert float(metric.result()) == 2.0


def test_a_function_of_ones_own_is_serialised_by_its_name():
    plain = metrics.serialize(metrics.MeanMetricWrapper(_own, name="mine"))
    assert plain["config"]["fn"]["config"] == "_own"
    again = metrics.deserialize(plain, {"_own": _own})
    assert (again.fn, again.name) == (_own, "mine")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown metric 'presicion'\. Did you mean 'precision'"):
        metrics.get("presicion")


def test_a_crossentropy_is_measured_from_the_logits_as_the_loss_is(backend):
    y, z = np.array([[0.0], [0.0]]), np.array([[40.0], [20.0]])
    metric = metrics.BinaryCrossentropy()
    with logits.scope():
        metric.update_state(y, activations.sigmoid(z))
    assert float(metric.result()) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.Precision(thresholds=[0.5, 1.5]), r"lie in \[0, 1\]; got \[0.5, 1.5\]"),
        (lambda: metrics.AUC(num_thresholds=1), "at least 2; got 1"),
        (lambda: metrics.AUC(curve="RC"), "Unknown curve 'RC'. Did you mean 'ROC'"),
        (lambda: metrics.AUC(summation_method="major"), "Did you mean 'majoring'"),
        (lambda: metrics.FBetaScore(beta=0), "beta must be above 0; got 0"),
        (lambda: metrics.F1Score(average="mirco"), "Did you mean 'micro'"),
        (lambda: metrics.F1Score(threshold=2), "threshold must be None or lie in"),
        (lambda: metrics.R2Score(num_regressors=-1), "at least 0; got -1"),
        (lambda: metrics.IoU(2, [2]), "from 0 to 1; got"),
        (lambda: metrics.PrecisionAtRecall(1.5), r"recall must lie in \[0, 1\]; got 1.5"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (metrics.F1Score, r"\(batch, classes\); got \(4,\)"),
        (metrics.R2Score, r"\(batch, outputs\); got \(4,\)"),
        (lambda: metrics.AUC(multi_label=True), r"\(batch, labels\); got \(4,\)"),
        (metrics.SparseCategoricalAccuracy, r"Labels of shape \(4,\) are not class ids"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(backend, metric, message):
    with pytest.raises(ValueError, match=message):
        metric().update_state(np.ones(4), np.ones(4))


def test_one_hot_labels_are_refused_where_class_ids_are_meant(backend):
    with pytest.raises(ValueError, match='"categorical_accuracy"'):
        metrics.sparse_categorical_accuracy(ONE_HOT, CHANCE)


def test_ties_go_to_the_first_class_and_count_as_hits_among_the_top(backend):
    p = np.array([[0.5, 0.5, 0.0]] * 3)
    hits = metrics.sparse_categorical_accuracy(np.arange(3), p)
    assert ops.convert_to_numpy(hits).tolist() == [1, 0, 0]
    hits = metrics.sparse_top_k_categorical_accuracy(np.arange(3), p, k=1)
    assert ops.convert_to_numpy(hits).tolist() == [1, 1, 0]


def test_class_ids_in_order_of_likelihood_can_be_given(backend):
    ids = np.array([[2, 0, 1], [2, 1, 0]])
    hits = metrics.sparse_top_k_categorical_accuracy([0, 0], ids, k=2, from_sorted_ids=True)
    assert ops.convert_to_numpy(hits).tolist() == [1, 0]


def test_a_prediction_at_the_threshold_is_negative(backend):
    hits = metrics.binary_accuracy(np.array([[1.0], [0.0]]), np.array([[0.5], [0.5]]))
    assert ops.convert_to_numpy(hits).tolist() == [0, 1]


def test_a_constant_label_that_is_met_has_an_r2_of_one(backend):
    assert float(metrics.R2Score()(np.ones((3, 2)), np.ones((3, 2)))) == 1.0
    assert float(metrics.R2Score()(np.ones((3, 2)), np.zeros((3, 2)))) == 0.0


def test_the_functions_of_keras_1_look_at_one_batch(backend):
    y, p = np.array([1.0, 1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.2, 0.8, 0.1, 0.7])
    expected = {
        "precision": 2 / 3,
        "recall": 2 / 3,
        "fmeasure": 2 / 3,
        "matthews_correlation": (2 * 1 - 1 * 1) / 6,
    }
    for name, value in expected.items():
        assert float(metrics.get(name)(y, p)) == pytest.approx(value, abs=1e-6)


def test_the_state_of_a_metric_may_begin_with_an_initializer_by_name(backend):
    metric = metrics.Metric(name="own")
    assert metric.add_weight(name="zeros", shape=(2,), initializer="zeros").numpy().sum() == 0
    assert metric.add_weight("ones", initializer="ones").numpy() == 1  # as Keras 2 had it
    assert [v.name for v in metric.variables] == ["zeros", "ones"]
