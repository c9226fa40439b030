"""Settings: what they change."""

import subprocess
import sys

import numpy as np
import pytest

import deepbasics as db
from deepbasics import config
from deepbasics.backends import registry
from deepbasics.saving.objects import check_plain

X, Y = np.ones((20, 3), "float32"), np.ones((20, 1), "float32")


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(config, "_settings", dict(config._settings))


def compiled():
    model = db.Sequential([db.Input((3,)), db.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_a_limit_of_epochs_holds_for_each_fit(backend):
    config.set_max_epochs(2)
    assert config.max_epochs() == 2
    assert compiled().fit(X, Y, epochs=5, verbose=0).epoch == [0, 1]
    assert compiled().fit(X, Y, epochs=1, verbose=0).epoch == [0]
    config.set_max_epochs(None)
    assert compiled().fit(X, Y, epochs=3, verbose=0).epoch == [0, 1, 2]


def test_a_limit_of_steps_holds_for_all_three(backend):
    config.set_max_steps_per_epoch(2)
    model = compiled()
    history = model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0)
    assert history.params["steps"] == 2
    assert int(model.optimizer.iterations) == 4
    assert len(model.predict(X, batch_size=4, verbose=0)) == 8
    assert model.fit(X, Y, batch_size=16, verbose=0).params["steps"] == 2  # no more than there are
    batches = ((X[:4], Y[:4]) for _ in range(9))
    model.fit(batches, verbose=0)
    assert len(list(batches)) == 7
    config.set_max_steps_per_epoch(None)
    assert len(model.predict(X, batch_size=4, verbose=0)) == 20


def test_limits_are_read_from_the_environment(monkeypatch):
    code = "from deepbasics import config; print(config.max_epochs(), config.max_steps_per_epoch())"

    def run(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(f"DEEPBASICS_{name}", value)
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert run(MAX_EPOCHS="3", MAX_STEPS_PER_EPOCH="").stdout.split() == ["3", "None"]
    assert "DEEPBASICS_MAX_EPOCHS must be a positive integer" in run(MAX_EPOCHS="few").stderr


def test_without_interactive_logging_an_epoch_is_a_line(backend, capsys):
    def printed():
        compiled().fit(X, Y, epochs=2)
        return capsys.readouterr().out

    assert config.is_interactive_logging_enabled()
    bar = printed()
    db.utils.disable_interactive_logging()
    assert not config.is_interactive_logging_enabled()
    plain = printed()
    assert "━" in bar
    assert "━" not in plain
    assert "loss:" in plain
    config.enable_interactive_logging()
    assert "━" in printed()


def test_lambdas_of_files_are_read_once_that_is_enabled():
    config_of_lambda = {"class_name": "Lambda", "config": {}}
    with pytest.raises(ValueError, match="safe_mode=True refuses"):
        check_plain(config_of_lambda)
    config.enable_unsafe_deserialization()
    check_plain(config_of_lambda)
    with pytest.raises(ValueError, match="bytecode"):
        check_plain({"class_name": "__lambda__", "config": {}})


def test_the_policy_is_a_setting_too():
    config.set_dtype_policy("float64")
    assert config.dtype_policy().name == db.layers.Dense(1).dtype == "float64"
    config.set_dtype_policy(None)
    assert config.dtype_policy().name == "float32"


def test_tracebacks_are_whole():
    config.disable_traceback_filtering()
    assert config.is_traceback_filtering_enabled() is False


def test_a_device_is_used_for_the_block():
    with db.use_backend("numpy"), db.device("cpu:0"):
        assert config.backend() == "numpy"
    if "torch" not in registry.available():
        pytest.skip("needs torch")
    with db.use_backend("torch"), db.device("cpu"):
        assert config.backend() == "torch"
    with pytest.raises(ImportError, match="cuda:7"), db.device("GPU:7"):
        pass
