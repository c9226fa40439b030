"""A small trained model, and the bytes of its archive."""

import numpy as np
import pytest

import deepbasics as db

pytest.importorskip("h5py", reason="the extra saving")


def trained():
    """A model with two layers of weights, a random stream, and an optimizer with slots."""
    layers = db.layers
    model = db.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(3, "relu", kernel_regularizer="l2", name="dense"),
            layers.Dropout(0.3),
            layers.Dense(2, name="dense_1"),
        ]
    )
    schedule = db.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5)
    model.compile(db.optimizers.Adam(schedule), "mse", metrics=["mae"])
    model.fit(*data(), epochs=2, batch_size=4, shuffle=False, verbose=0)
    return model


def data():
    rng = np.random.default_rng(1)
    return rng.normal(size=(12, 4)).astype("float32"), rng.normal(size=(12, 2)).astype("float32")


@pytest.fixture
def model(backend):
    return trained()


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """The path of an archive."""
    path = tmp_path_factory.mktemp("archive") / "m.keras"
    with db.use_backend("numpy"):
        trained().save(path)
    return path


@pytest.fixture
def make_model():
    """What makes one more such model, on the active backend."""
    return trained
