"""The recipes on real data: what they reach on each backend, and that backends learn alike."""

import ast
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

import deepbasics
from deepbasics import cli, parity, tree
from deepbasics.backends import registry

NAMES = cli.recipe_names()
HERE = {"char_lm", "digits_siamese", "gender", "xor"}  # their data need no file of their own
EXTRAS = {"churn": ("pandas", "sklearn"), "digits_siamese": ("sklearn",)}
LARGE = {"char_lm", "digits_siamese", "mnist_cnn", "mnist_rnn", "mnist_transformer"}
needs_torch = pytest.mark.skipif("torch" not in registry.available(), reason="needs torch")
SAME_LOSS = 1e-4  # relative, float32: the contract's limit for the loss curve of 100 steps


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def recipe_of(name):
    """The recipe; the test is skipped where its data or libraries are not here."""
    if name not in HERE and not os.environ.get("DEEPBASICS_DATA"):
        pytest.skip("needs the real files: set DEEPBASICS_DATA to their folder")
    for library in EXTRAS.get(name, ()):
        pytest.importorskip(library, reason=f"the recipe {name} needs it")
    return cli.load_recipe(name)


def shortened(recipe, rows):
    """The recipe on its first rows, of those to test on too."""
    first = tree.map(lambda a: a[:rows].copy() if isinstance(a, np.ndarray) else a, recipe.data())
    recipe.data = lambda *limit: first
    return recipe


def test_all_are_here():
    first = ["char_lm", "churn", "digits_siamese", "gender", "mnist", "mnist_cnn", "mnist_rnn"]
    rest = ["mnist_transformer", "multi_output", "pima", "xor"]
    assert first + rest == NAMES


def test_a_recipe_imports_only_the_public_face(name):
    tree = ast.parse(cli._path(name).read_text())
    sources = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "deepbasics"
        for alias in node.names
    ]
    assert sources
    for source in sources:
        room = source.split(".")[1]
        assert room in deepbasics.__all__, source
        assert "_" not in {part[0] for part in source.split(".")}, source


def test_a_recipe_is_a_page_long_and_has_the_common_shape(name):
    assert len(cli._path(name).read_text().splitlines()) <= 90
    recipe = recipe_of(name)
    parameters = list(inspect.signature(recipe.main).parameters)
    assert parameters[:5] == ["epochs", "seed", "verbose", "callbacks", "save_plots"]
    assert recipe.BATCH_SIZE >= 1
    assert recipe.build().optimizer is not None


@needs_torch
def test_backends_learn_alike(name):
    recipe = recipe_of(name)
    recipe = shortened(recipe, (3 if name in LARGE else 50) * recipe.BATCH_SIZE)
    epochs = 25 if name == "xor" else 2  # 100 steps; of the large ones 6
    losses = []
    for backend in ("numpy", "torch"):
        with registry.use_backend(backend, "cpu"):
            history = recipe.main(epochs=epochs, verbose=0)["history"]
        losses.append(history.history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=SAME_LOSS, abs=0)
    assert losses[0][-1] < losses[0][0]


@needs_torch
def test_the_first_steps_agree_at_every_level(name):
    recipe = recipe_of(name)
    x, y, *_ = shortened(recipe, 2 * recipe.BATCH_SIZE).data()
    report = parity.compare(
        recipe.build, x, y, steps=3, batch_size=recipe.BATCH_SIZE, floatx="float64"
    )
    assert report.ok, str(report)
    assert report.steps == 3


@pytest.mark.usefixtures("backend")
def test_a_seed_repeats_a_whole_run_bit_for_bit(name):
    recipe = recipe_of(name)
    recipe = shortened(recipe, 2 * recipe.BATCH_SIZE)
    runs = []
    for seed in (3, 3, 4):
        history = recipe.main(epochs=2, seed=seed, verbose=0)["history"]
        runs.append([history.history, *(w.tobytes() for w in history.model.get_weights())])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


@pytest.mark.usefixtures("backend")
def test_xor_is_learned_by_two_hidden_units(capsys):
    found = recipe_of("xor").main()
    assert found["learned"] is True
    assert np.abs(found["outputs"].ravel() - [0, 1, 1, 0]).max() < 0.05
    assert "0 xor 1 = +0.9" in capsys.readouterr().out


@pytest.mark.usefixtures("backend")
def test_xor_takes_other_layers():
    found = recipe_of("xor").main(epochs=600, arch="2,4,3,1")
    assert found["learned"] is True


@pytest.mark.usefixtures("backend")
def test_gender_gets_as_near_to_the_best_rule_as_the_tutorial_s_0_79():
    found = recipe_of("gender").main(verbose=0)
    assert found["accuracy"] > 0.785
    first, second = found["prediction"]
    assert first + second == pytest.approx(1, abs=1e-6)
    # The truth at [0, 0, 0] is 1 / (1 + exp(1.5)) = 0.182 for the first group.
    assert 0.1 < first < 0.27


@pytest.mark.usefixtures("backend")
def test_mnist_is_on_its_way_after_one_epoch():
    found = recipe_of("mnist").main(epochs=1, verbose=0)
    assert found["test_accuracy"] > 0.95


@pytest.mark.usefixtures("backend")
def test_pima_is_on_its_way_after_twenty_epochs():
    assert recipe_of("pima").main(epochs=20, verbose=0)["accuracy"] > 0.68


@pytest.mark.usefixtures("backend")
def test_churn_is_on_its_way_after_five_epochs(capsys):
    found = recipe_of("churn").main(epochs=5, verbose=0)
    assert found["test_accuracy"] > 0.83
    assert found["confusion"].sum() == 2000
    assert found["confusion"].trace() / 2000 == found["test_accuracy"]
    assert 0 < found["new_customer"] < 0.5
    assert "the new customer leaves with probability 0." in capsys.readouterr().out


def test_churn_is_prepared_as_the_tutorial_does_it():
    x, y, x_test, y_test, pipeline = recipe_of("churn").data()
    assert x.shape == (8000, 11)
    assert x_test.shape == (2000, 11)
    assert y.sum() + y_test.sum() == 2037
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x.std(axis=0), 1, rtol=1e-12)
    columns = pipeline[0].get_feature_names_out()
    assert [c.split("__")[1] for c in columns[:3]] == [
        "Geography_Germany",
        "Geography_Spain",
        "Gender",
    ]


@pytest.mark.parametrize("backend", registry.available())
def test_a_recipe_runs_as_a_plain_script_from_anywhere(backend, tmp_path):
    environment = os.environ | {
        "DEEPBASICS_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, cli._path("gender")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Epoch 10/10" in done.stdout
    assert "accuracy 0.8" in done.stdout
    assert list(tmp_path.iterdir()) == []
