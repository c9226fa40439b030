"""Level layer: layers, losses and metrics agree, in value, gradients and state."""

import pytest

from deepbasics import layers, losses, metrics
from deepbasics.testing import cases, checks, levels

DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
LOSSES = pytest.mark.parametrize("case", cases.LOSSES, ids=str)
METRICS = pytest.mark.parametrize("case", cases.METRICS, ids=str)
LAYERS = pytest.mark.parametrize("case", cases.LAYERS, ids=str)
# Bases, what wraps a function of one's own, and functions that are no losses.
NO_LOSSES = {"FunctionLoss", "Loss", "check_labels", "deserialize", "get", "resolve", "serialize"}
NO_METRICS = {"MeanMetricWrapper", "Metric", "deserialize", "get", "resolve", "serialize"}
NO_LAYERS = {"Input", "InputSpec", "Layer", "TorchModuleWrapper", "deserialize", "serialize"}


def test_every_layer_has_a_row():
    assert {case.name for case in cases.LAYERS} | NO_LAYERS == set(layers.__all__)


def test_every_loss_has_a_row():
    assert {case.op for case in cases.LOSSES} | NO_LOSSES == set(losses.__all__)


def test_every_metric_has_a_row():
    rows = {case.op for case in cases.METRICS}
    assert rows | NO_METRICS == set(metrics.__all__) - {case.op for case in cases.LOSSES} | rows


@pytest.mark.parametrize("rows", [cases.LOSSES, cases.METRICS, cases.LAYERS, cases.OPTIMIZERS])
def test_every_row_has_its_own_name(rows):
    names = [str(case) for case in rows]
    assert len(names) == len(set(names))


@LAYERS
@DTYPES
@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_output_and_gradients_of_layers_agree(case, dtype, training, other):
    levels.check_layer(case, other, dtype, training)


@LOSSES
@DTYPES
def test_losses_agree(case, dtype, other):
    for seed in range(3):
        checks.check_forward(case, other, dtype, seed)
        checks.check_vjp(case, other, dtype, seed)


@LOSSES
def test_the_gradient_of_a_loss_is_its_slope(case):
    checks.check_derivative(case, "numpy")


@METRICS
@DTYPES
def test_metrics_agree(case, dtype, other):
    for seed in range(3):
        checks.check_forward(case, other, dtype, seed)
