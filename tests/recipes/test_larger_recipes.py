"""Recipes with convolution, recurrence, attention, graphs: their data, and that they learn."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from deepbasics import cli
from deepbasics.datasets import mnist

IMAGES = ["mnist_cnn", "mnist_rnn", "mnist_transformer", "multi_output"]
needs_mnist = pytest.mark.skipif(
    not os.environ.get("DEEPBASICS_DATA"),
    reason="needs the real files: set DEEPBASICS_DATA to their folder",
)


def load(name):
    if name == "digits_siamese":
        pytest.importorskip("sklearn", reason="the digits are bundled with scikit-learn")
    return cli.load_recipe(name)


@needs_mnist
@pytest.mark.parametrize("name", IMAGES)
def test_limit_takes_the_first_images_and_leaves_the_test_as_it_is(name):
    (images, digits), (_, all_test_digits) = mnist.load_data()
    x, y, x_test, y_test = load(name).data(7)
    answers, test_answers = (
        a["digit"] if name == "multi_output" else a.argmax(1) for a in (y, y_test)
    )
    np.testing.assert_array_equal(answers, digits[:7])
    np.testing.assert_array_equal(test_answers, all_test_digits)
    assert len(x_test) == 10_000
    assert x.shape[0] == 7
    assert x.dtype == np.float32
    np.testing.assert_allclose(x.reshape(7, -1).sum(1), images[:7].sum((1, 2)) / 255, rtol=1e-5)


@needs_mnist
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("name", "least"), [("mnist_rnn", 0.6), ("mnist_transformer", 0.6)])
def test_sequences_are_read_after_fifty_steps(name, least):
    assert load(name).main(epochs=1, verbose=0, limit=6_400)["test_accuracy"] > least


@needs_mnist
@pytest.mark.usefixtures("backend")
def test_both_outputs_are_on_their_way_after_one_epoch():
    found = load("multi_output").main(epochs=1, verbose=0)
    assert found["digit_accuracy"] > 0.955
    assert found["odd_accuracy"] > 0.97
    assert found["agree"] > 0.96


@needs_mnist
@pytest.mark.usefixtures("backend")
def test_mnist_cnn_is_on_its_way_after_twenty_steps(monkeypatch):
    recipe = load("mnist_cnn")
    x, y, x_test, y_test = recipe.data(20 * recipe.BATCH_SIZE)
    monkeypatch.setattr(recipe, "data", lambda limit: (x, y, x_test[:1000], y_test[:1000]))
    found = recipe.main(epochs=1, verbose=0)
    assert found["test_accuracy"] > 0.7
    assert found["history"].history["val_accuracy"] == [found["test_accuracy"]]


@needs_mnist
def test_parity_is_the_last_bit_of_the_digit():
    _, y, _, y_test = load("multi_output").data(100)
    for answers in (y, y_test):
        np.testing.assert_array_equal(answers["odd"][:, 0], answers["digit"] & 1)


@needs_mnist
def test_pictures_are_written(tmp_path):
    pytest.importorskip("matplotlib", reason="the pictures need it")
    load("multi_output").main(epochs=1, verbose=0, limit=1280, save_plots=tmp_path)
    endings = ("curves", "digit", "odd")
    assert {path.name for path in tmp_path.iterdir()} == {f"multi_output-{e}.png" for e in endings}


def test_patches_are_the_squares_of_an_image_line_by_line():
    recipe = load("mnist_transformer")
    image = np.arange(784, dtype=np.float32).reshape(1, 28, 28)
    found = recipe.patches(image)
    assert found.shape == (1, 16, 49)
    for i in range(16):
        top, left = 7 * (i // 4), 7 * (i % 4)
        square = image[0, top : top + 7, left : left + 7]
        np.testing.assert_allclose(found[0, i], square.ravel() / 255, rtol=1e-6)


def test_pairs_are_half_of_the_same_digit_and_half_of_others():
    recipe = load("digits_siamese")
    labels = np.tile(np.arange(10), 4)
    (a, b), same = recipe.pairs(labels, labels, np.random.default_rng(0))
    np.testing.assert_array_equal(same[:, 0], a == b)
    assert same.shape == (2 * recipe.PARTNERS * 40, 1)
    assert same.mean() == 0.5
    assert np.bincount(a).tolist() == [2 * recipe.PARTNERS * 4] * 10
    assert 0.4 < same[: len(same) // 4].mean() < 0.6, "they are mixed"


def test_the_contrastive_loss_is_that_of_the_paper():
    recipe = load("digits_siamese")
    same, distance = np.array([[1.0], [0.0], [0.0]]), np.array([[0.3], [0.4], [1.5]])
    np.testing.assert_allclose(recipe.contrastive(same, distance), [0.09, 0.36, 0], atol=1e-7)
    assert np.asarray(recipe.accuracy(same, distance)).ravel().tolist() == [True, False, True]


@pytest.mark.usefixtures("backend")
def test_two_images_in_either_order_are_as_far_apart():
    recipe = load("digits_siamese")
    model = recipe.build()
    (a, b), _, *_ = recipe.data()
    there, back = (model.predict([p[:50], q[:50]], verbose=0) for p, q in ((a, b), (b, a)))
    np.testing.assert_allclose(there, back, rtol=1e-5)
    assert len(model.get_layer("tower").weights) == 6


@pytest.mark.usefixtures("backend")
def test_digits_of_other_writers_are_told_apart_after_one_epoch():
    assert load("digits_siamese").main(epochs=1, verbose=0)["test_accuracy"] > 0.88


def test_each_character_is_followed_by_the_next():
    recipe = load("char_lm")
    x, y, x_test, y_test = recipe.data(6400)
    assert x.shape == y.shape == (90, recipe.STEPS)
    assert x_test.shape == y_test.shape == (10, recipe.STEPS)
    np.testing.assert_array_equal(np.append(x.ravel()[1:], x_test[0, 0]), y.ravel())


def test_writing_goes_on_from_the_start_and_prefers_the_likely():
    recipe = load("char_lm")

    def predict_on_batch(codes):
        assert codes.shape == (1, recipe.STEPS)
        p = np.zeros((1, recipe.STEPS, len(recipe.CHARACTERS)))
        p[0, -1, (codes[0, -1] + 1) % len(recipe.CHARACTERS)] = 0.6
        p[0, -1, recipe.CODES["x"]] = 0.4
        return p

    start = [recipe.CODES["a"]] * recipe.STEPS
    model = SimpleNamespace(predict_on_batch=predict_on_batch)
    cold = recipe.write(model, start, 5, 0.01, np.random.default_rng(0))
    assert cold == "bcdef"
    warm = recipe.write(model, start, 40, 1.0, np.random.default_rng(0))
    assert warm.count("x") > 5


@pytest.mark.usefixtures("backend")
def test_char_lm_learns_and_prints_what_it_writes(capsys):
    found = load("char_lm").main(epochs=2, verbose=0, limit=60_000)
    losses = found["history"].history["loss"]
    assert losses[1] < losses[0] < np.log(96)
    assert found["test_loss"] < 3.3
    printed = capsys.readouterr().out
    for temperature, text in found["samples"].items():
        assert len(text) == 300
        assert f"--- temperature {temperature}:\n{text}" in printed
