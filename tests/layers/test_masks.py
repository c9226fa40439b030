"""Masks: made by a layer, handed on or used by others, heeded by losses and metrics."""

import gc
import warnings

import numpy as np
import pytest

from deepbasics import Model, Sequential, losses, masks, metrics, ops
from deepbasics.layers import Activation, Dense, Dropout, Layer

STEPS = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]])[..., None]
SHOWN = np.array([[True, True, False], [True, False, False]])


class Hide(Layer):
    """Hides the steps that are zero, as Masking does."""

    def compute_mask(self, inputs, previous_mask):
        return ops.any(ops.not_equal(inputs, 0), axis=-1)

    def call(self, inputs):
        return inputs * 1.0


class Count(Layer):
    """Uses the mask: how many steps it shows."""

    supports_masking = True

    def compute_mask(self, inputs, previous_mask):
        return None

    def call(self, inputs, mask=None):
        return ops.sum(ops.cast(mask, "float32"), axis=1, keepdims=True)


class Plain(Layer):
    """Knows nothing of masks."""

    def call(self, inputs):
        return inputs + 1.0


class Between(Layer):
    """Takes a mask for each of its two tensors."""

    def call(self, query, value, query_mask=None, value_mask=None):
        self.seen = query_mask, value_mask
        return query + value


def array(mask):
    return ops.convert_to_numpy(mask)


def test_a_mask_travels_from_layer_to_layer_outside_a_model(backend):
    y = Dropout(0.5)(Activation("relu")(Dense(4)(Hide()(STEPS))))
    np.testing.assert_array_equal(array(masks.mask_of(y)), SHOWN)
    np.testing.assert_array_equal(array(Count()(y)), [[2], [1]])
    assert masks.mask_of(Count()(y)) is None


def test_a_mask_travels_through_a_model_and_out_of_it(backend):
    model = Sequential([Hide(), Dense(4), Sequential([Dense(2)])])
    np.testing.assert_array_equal(array(masks.mask_of(model(STEPS))), SHOWN)


def test_masks_go_with_their_tensors(backend):
    gc.collect()
    before = len(masks._notes)
    y = Hide()(STEPS)
    assert len(masks._notes) == before + 1
    del y
    gc.collect()
    assert len(masks._notes) == before


def test_a_mask_given_in_the_call_is_the_one_that_counts(backend):
    given = np.array([[True, True, True], [True, False, False]])
    np.testing.assert_array_equal(array(Count()(Hide()(STEPS), mask=given)), [[3], [1]])
    np.testing.assert_array_equal(array(Count()(Hide()(STEPS), given)), [[3], [1]])


def test_each_tensor_argument_comes_with_its_mask(backend):
    layer = Between()
    layer(Hide()(STEPS), value=Hide()(2 * STEPS[::-1]))
    for seen, want in zip(layer.seen, (SHOWN, SHOWN[::-1]), strict=True):
        np.testing.assert_array_equal(array(seen), want)
    layer(np.ones((2, 3, 1)), Hide()(STEPS))
    assert layer.seen[0] is None
    np.testing.assert_array_equal(array(layer.seen[1]), SHOWN)


def test_a_cast_of_the_inputs_keeps_their_mask(backend):
    y = Dense(2, dtype="float64")(Hide()(STEPS))
    assert ops.dtype(y) == "float64"
    np.testing.assert_array_equal(array(masks.mask_of(y)), SHOWN)


def test_a_layer_that_cannot_use_a_mask_says_so_once(backend):
    hide, plain = Hide(name="hide"), Plain(name="plain")
    with pytest.warns(UserWarning, match=r"'plain' \(Plain\) cannot use the mask of 'hide'"):
        y = plain(Dense(2)(hide(STEPS)))
    assert masks.mask_of(y) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain(hide(STEPS))
        Plain()(STEPS)
        Between()(hide(STEPS), hide(STEPS))


def test_an_instance_may_declare_that_it_hands_masks_on(backend):
    plain = Plain()
    plain.supports_masking = True
    np.testing.assert_array_equal(array(masks.mask_of(plain(Hide()(STEPS)))), SHOWN)


def test_a_class_that_defines_compute_mask_supports_masking():
    assert Hide.supports_masking
    assert not Plain.supports_masking


def test_a_nest_of_tensors_has_a_nest_of_masks(backend):
    y = Hide()(STEPS)
    found = masks.mask_of([y, STEPS])
    assert found[1] is None
    np.testing.assert_array_equal(array(found[0]), SHOWN)
    assert masks.mask_of([STEPS, {"a": STEPS}]) is None


def test_a_loss_leaves_out_what_is_hidden(backend):
    y = Hide()(STEPS)
    target = np.zeros_like(STEPS)
    squares = np.array([1.0, 4.0, 9.0])
    assert float(losses.MeanSquaredError()(target, y)) == pytest.approx(squares.mean())
    weights = np.array([1.0, 10.0])
    weighed = float(losses.MeanSquaredError()(target, y, weights))
    assert weighed == pytest.approx((1 + 4 + 90) / 3)
    assert float(losses.MeanSquaredError(reduction="sum")(target, y)) == pytest.approx(14)


def test_a_loss_that_ignores_a_class_leaves_out_what_is_hidden_too(backend):
    logits = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    labels = np.array([[0, -1, 1], [2, 3, 3]])
    each = losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
    want = array(each(np.maximum(labels, 0), logits))[[0, 1], [0, 0]].mean()
    y = masks.attach(ops.convert_to_tensor(logits), ops.convert_to_tensor(SHOWN))
    assert float(loss(labels, y)) == pytest.approx(want, rel=1e-6)


def test_a_metric_leaves_out_what_is_hidden(backend):
    y, target = Hide()(STEPS), np.zeros_like(STEPS)
    metric = metrics.MeanAbsoluteError()
    metric.update_state(target, y)
    assert float(metric.result()) == pytest.approx((1 + 2 + 3) / 3)
    metric.reset_state()
    metric.update_state(target, y, np.array([1.0, 10.0]))
    assert float(metric.result()) == pytest.approx((1 + 2 + 30) / 12)


def test_what_cannot_be_hidden_so_is_refused(backend):
    y = Hide()(STEPS)
    with pytest.raises(ValueError, match=r"mask of the predictions has shape \(2, 3\)"):
        losses.MeanSquaredError()(np.zeros((2, 3)), masks.attach(y[..., 0], masks.mask_of(y)))


def test_fit_trains_on_shown_steps_alone(backend):
    """The hidden steps have absurd targets; the line through the others is found."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1.5, (64, 5, 1))
    y = 2 * x + 1
    x[:, 3:], y[:, 3:] = 0, 1000
    model = Sequential([Hide(), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.learning_rate = 0.1
    history = model.fit(x, y, epochs=60, verbose=0).history
    assert history["loss"][-1] < 1e-2
    assert history["mae"][-1] < 0.1
    assert model.evaluate(x, y, verbose=0)[0] < 1e-2


def test_a_subclassed_model_may_use_the_mask_of_its_inputs(backend):
    class Counting(Model):
        def call(self, inputs, mask=None):
            return ops.sum(ops.cast(mask, "float32"), axis=1)

    np.testing.assert_array_equal(array(Counting()(Hide()(STEPS))), [2, 1])
