"""Each check of the parity suite fails on an error planted for it, and passes without."""

from dataclasses import replace

import numpy as np
import pytest

from deepbasics import metrics, ops, random
from deepbasics.backends import registry
from deepbasics.backends.numpy import trace
from deepbasics.data import ArraySource
from deepbasics.layers import Dense, Dropout
from deepbasics.ops.call import call
from deepbasics.testing import cases, checks, levels
from deepbasics.testing.tolerances import Tolerance, compare, differences

torch = pytest.importorskip("torch", reason="the planted errors are torch's")
multiply, subtract = trace.RULES["multiply"], trace.RULES["subtract"]


def row(rows, name):
    (found,) = [case for case in rows if str(case) == name]
    return found


def op(name):
    return row(cases.PRIMITIVES, name)


@pytest.fixture
def plant(monkeypatch):
    """Replace a rule of a backend: `plant(backend, op, ...)`."""

    def planted(backend, name, rule=None, **changes):
        rules = registry.get(backend).rules
        monkeypatch.setitem(rules, name, rule or replace(rules[name], **changes))

    return planted


def caught(check, *arguments, match=None, **settings):
    """The check fails; its message says what is wrong."""
    with pytest.raises(AssertionError, match=match):
        check(*arguments, **settings)


# one op -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "factor"), [("float64", 1.001), ("float64", 1 + 1e-11), ("float32", 1 + 1e-6)]
)
def test_a_value_a_little_too_large(plant, dtype, factor):
    checks.check_forward(op("exp"), "torch", dtype)
    plant("torch", "exp", lambda x: torch.exp(x) * factor)
    caught(checks.check_forward, op("exp"), "torch", dtype, match=r"exp in .* apart; the limit is")


def test_a_wrong_dtype(plant):
    plant("torch", "exp", lambda x: torch.exp(x).double())
    caught(checks.check_forward, op("exp"), "torch", "float32", match="dtype, shape")


def test_a_wrong_shape(plant):
    plant("torch", "sum", lambda x, axis, keepdims=False: torch.sum(x, axis, keepdim=True))
    caught(checks.check_forward, op("sum-outer"), "torch", match="dtype, shape")


def test_an_argument_that_is_changed(plant):
    plant("torch", "negative", lambda x: x.neg_())
    caught(checks.check_forward, op("negative"), "torch", match="an argument was changed")


def test_a_reduction_over_the_wrong_axis(plant):
    plant("torch", "cumsum", lambda x, axis: torch.cumsum(x, 1 - axis))
    caught(checks.check_forward, op("cumsum"), "torch")


def test_a_last_element_that_is_left_out(plant):
    plant("torch", "matmul", lambda a, b: torch.matmul(a[..., :-1], b[..., :-1, :]))
    caught(checks.check_forward, op("matmul"), "torch")


def test_another_value_at_nan(plant):
    plant("torch", "sign", torch.sign)
    caught(checks.check_edges, op("sign"), "torch", match=r"sign\(.*nan\)")


def test_another_infinity(plant):
    plant("torch", "reciprocal", lambda x: torch.reciprocal(torch.abs(x)) * torch.sign(x))
    caught(checks.check_edges, op("reciprocal"), "torch")


# its gradients ------------------------------------------------------------------------------------


def test_a_vjp_a_little_too_large(plant):
    checks.check_vjp(op("exp"), "torch")
    plant("numpy", "exp", vjps=(lambda g, y, x: call("multiply", call("multiply", g, y), 1.001),))
    caught(checks.check_vjp, op("exp"), "torch")
    caught(checks.check_derivative, op("exp"))


def test_a_vjp_that_lacks_a_term(plant):
    plant("numpy", "tanh", vjps=(lambda g, y, x: g,))
    caught(checks.check_vjp, op("tanh"), "torch")
    caught(checks.check_derivative, op("tanh"))


def test_a_transposed_gradient(plant):
    square = op("matmul").sizes(dict.fromkeys("nkm", 3))
    checks.check_vjp(op("matmul"), "torch", sizes=square)
    left, right = trace.RULES["matmul"].vjps
    plant("numpy", "matmul", vjps=(lambda *a: call("transpose", left(*a), axes=(1, 0)), right))
    caught(checks.check_vjp, op("matmul"), "torch", sizes=square)
    caught(checks.check_derivative, op("matmul"), sizes=square)


def test_a_gradient_of_the_wrong_argument(plant):
    plant("numpy", "multiply", vjps=multiply.vjps[::-1])
    caught(checks.check_derivative, op("multiply"))


def test_a_gradient_that_is_lost(plant):
    plant("torch", "subtract", lambda a, b: a - b.detach())
    caught(checks.check_vjp, op("subtract"), "torch")


def test_a_gradient_of_a_kink(plant):
    plant("numpy", "abs", vjps=(lambda g, y, x: g,))
    caught(checks.check_derivative, op("abs"))


def test_another_derivative_at_a_kink(plant):
    plant("torch", "relu", lambda x: torch.clamp(x, min=0))  # derivative 1 at 0
    checks.check_vjp(op("relu"), "torch")
    caught(checks.check_edge_gradients, op("relu"), "torch", match=r"relu\(.*0.0\)")


def test_a_gradient_that_cannot_be_differentiated_again(plant):
    plant(
        "numpy",
        "exp",
        vjps=(lambda g, y, x: call("multiply", g, call("stop_gradient", y)),),
    )
    checks.check_vjp(op("exp"), "torch")
    caught(checks.check_second_order, op("exp"), "torch")


# above the op -------------------------------------------------------------------------------------


def test_a_loss_without_its_last_row(plant, monkeypatch):
    case = row(cases.LOSSES, "MeanSquaredError")
    plant("torch", "sum", lambda x, axis, keepdims=False: torch.sum(x[:-1], axis))
    caught(checks.check_forward, case, "torch")


def test_a_layer_with_a_lost_bias_gradient(plant):
    case = row(cases.LAYERS, "Dense")
    levels.check_layer(case, "torch")
    plant("torch", "add", lambda a, b: a + b.detach())
    caught(levels.check_layer, case, "torch", match="instead of")


def test_a_mask_with_one_bit_flipped(plant):
    rule = registry.get("torch").rules["random_mask"]

    def flipped(*arguments, **settings):
        mask = rule(*arguments, **settings).clone()
        mask[-1, -1] ^= True
        return mask

    case = row(cases.LAYERS, "Dropout")
    levels.check_layer(case, "torch", training=True)
    plant("torch", "random_mask", flipped)
    levels.check_layer(case, "torch", training=False)
    caught(levels.check_layer, case, "torch", training=True)
    masks = lambda: Dropout(0.5, seed=1)(ops.ones((3, 4)), training=True)  # noqa: E731
    caught(levels.check_same_bits, masks, "torch")


def test_a_metric_that_counts_one_too_many(monkeypatch):
    case = row(cases.METRICS, "Mean")
    update = metrics.Mean.update_state

    def off_by_one(self, *arguments):
        update(self, *arguments)
        if self.count.backend.name == "torch":
            self.count.assign_add(1)

    checks.check_forward(case, "torch")
    monkeypatch.setattr(metrics.Mean, "update_state", off_by_one)
    caught(checks.check_forward, case, "torch")
    caught(levels.check_step, row(cases.OPTIMIZERS, "SGD"), "torch", match="accuracy 1")


def test_a_weight_that_moves_a_hundred_millionth_of_a_step_too_far(plant):
    case = row(cases.OPTIMIZERS, "RMSprop")
    levels.check_step(case, "torch")
    plant("torch", "sqrt", lambda x: torch.sqrt(x) * (1 + 1e-7))
    caught(levels.check_step, case, "torch", match="kernel.* lr apart")


def test_a_loss_that_drifts(plant):
    case = row(cases.NETS, "xor")
    levels.check_run(case, "torch", steps=20)
    plant("torch", "tanh", lambda x: torch.tanh(x) * (1 + 1e-7))
    caught(levels.check_run, case, "torch", steps=20, match="loss of xor")


def test_a_shuffled_order(monkeypatch):
    feed = type(registry.get("torch").feed([np.zeros(2)]))
    order = feed.order

    def batches():
        source = ArraySource((np.arange(9.0), None, None), 4, True, random.next_key())
        return [tensor + 0 for _, (tensor, *_) in source.epoch(0)]  # a batch lasts until the next

    levels.check_same_bits(batches, "torch")
    monkeypatch.setattr(feed, "order", lambda self, o: order(self, o[::-1].copy()))
    caught(levels.check_same_bits, batches, "torch")


def test_an_initial_weight_with_another_last_bit(monkeypatch):
    allocate = registry.get("torch").allocate

    def other(value, dtype):
        data = allocate(value, dtype)
        return torch.nextafter(data, data + 1) if data.is_floating_point() else data

    def weights():
        layer = Dense(3)
        layer.build((None, 2))
        return layer.weights

    levels.check_same_bits(weights, "torch")
    monkeypatch.setattr(registry.get("torch"), "allocate", other)
    caught(levels.check_same_bits, weights, "torch")


# the measure itself -------------------------------------------------------------------------------


def test_a_difference_of_so_many_units_in_the_last_place():
    want = np.array([1.0, -3.0, 1e30], "float32")
    got = want + np.array([1, -2, 5], "float32") * np.spacing(want)
    np.testing.assert_allclose(differences(got, want, "ulp"), [1, 2, 5])
    assert compare(got, want, Tolerance(5, "ulp")) == 5
    caught(compare, got, want, Tolerance(4.9, "ulp"), match=r"at \(2,\), 5 ulp apart")


@pytest.mark.parametrize(
    ("got", "want"),
    [(np.nan, 1.0), (1.0, np.nan), (np.inf, -np.inf), (np.inf, 1e308), (1.0, np.inf)],
)
@pytest.mark.parametrize("unit", ["rel", "ulp", "bits", "lr"])
def test_a_special_value_is_near_nothing_else(got, want, unit):
    caught(compare, np.array(got), np.array(want), Tolerance(1e300, unit))
    assert compare(np.array(want), np.array(want), Tolerance(0.0, unit)) == 0


def test_a_subnormal_is_measured_by_the_smallest_normal():
    tiny = np.finfo("float64").tiny
    assert compare(np.array(5e-324), np.array(0.0), Tolerance(1e-12)) < 1e-15
    caught(compare, np.array(tiny / 2), np.array(0.0), Tolerance(1e-12))


def test_a_size_makes_room_for_what_cancels_and_no_more():
    limit = Tolerance(1e-12)
    assert compare(np.array(1e-13), np.array(0.0), limit, size=1.0) == pytest.approx(1e-13)
    caught(compare, np.array(1e-13), np.array(0.0), limit)
    caught(compare, np.array(1e-11), np.array(0.0), limit, size=1.0)


def test_the_report_counts_what_fails_and_its_command_says_so(plant, monkeypatch, capsys):
    from deepbasics.testing.__main__ import main

    for name in ("DERIVED", "LOSSES", "METRICS", "LAYERS", "OPTIMIZERS", "NETS"):
        monkeypatch.setattr(cases, name, [])
    monkeypatch.setattr(cases, "PRIMITIVES", [op("exp"), op("log")])
    monkeypatch.setattr(cases, "with_edges", list)
    assert main(["torch"]) == 0
    plant("torch", "exp", lambda x: torch.exp(x) * 1.001)
    assert main(["torch"]) == 1
    assert "AssertionError: exp in float64" in capsys.readouterr().out


def test_the_command_names_a_backend_that_there_is_not(capsys):
    from deepbasics.testing.__main__ import main

    assert main(["troch"]) == 2
    assert "Unknown backend 'troch'. Did you mean 'torch'?" in capsys.readouterr().err
