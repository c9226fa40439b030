"""TorchModuleWrapper: trains as the module alone does, recorded or not; refused elsewhere."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics.layers import Dense, Input, TorchModuleWrapper

torch = pytest.importorskip("torch", reason="wraps its modules")
nn = torch.nn
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(48, 6)).astype("float32"), RNG.normal(size=(48, 2)).astype("float32")


@pytest.fixture
def on_torch():
    with db.use_backend("torch"):
        yield


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))


def trained_by_torch(module, epochs=3, rate=0.1):
    """The loss of each epoch, as a user of PyTorch writes it."""
    optimizer, losses = torch.optim.SGD(module.parameters(), rate), []
    module.train()
    for _ in range(epochs):
        total = 0.0
        for i in range(0, len(X), 16):
            loss = ((module(torch.tensor(X[i : i + 16])) - torch.tensor(Y[i : i + 16])) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / 3)
    return losses


@pytest.mark.parametrize("eager", [True, False])
def test_training_is_that_of_the_module_alone(on_torch, eager):
    expected, alone = network(), network()
    losses = trained_by_torch(expected)
    model = db.Sequential([Input((6,)), TorchModuleWrapper(alone)])
    model.compile(db.optimizers.SGD(0.1), "mse", run_eagerly=eager)
    found = model.fit(X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    ours, theirs = model.layers[-1].module.state_dict(), expected.state_dict()
    assert list(ours) == list(theirs)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)
    expected.eval()
    y = expected(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0), y, rtol=1e-4, atol=1e-6)


def test_parameters_and_buffers_are_weights(on_torch):
    module = network()
    module[0].weight.requires_grad_(False)
    layer = TorchModuleWrapper(module, name="t")
    assert [v.path for v in layer.trainable_weights] == [
        "t/0.bias", "t/1.weight", "t/1.bias", "t/3.weight", "t/3.bias",
    ]  # fmt: skip
    assert [v.name for v in layer.non_trainable_weights] == [
        "0.weight", "1.running_mean", "1.running_var", "1.num_batches_tracked",
    ]  # fmt: skip
    assert layer.weights[-1].dtype == "int64"
    assert TorchModuleWrapper(nn.Linear(2, 3).double()).dtype == "float64"


def test_shapes_are_worked_out_or_given(on_torch):
    assert TorchModuleWrapper(network())(Input((6,))).shape == (None, 2)
    image = TorchModuleWrapper(nn.Conv2d(3, 5, 3))
    assert image(Input((3, 9, None))).shape == (None, 5, 7, None)
    assert TorchModuleWrapper(nn.Identity(), output_shape=(None, 7))(Input((6,))).shape == (None, 7)


def test_weights_are_saved_and_the_module_is_not(on_torch, tmp_path):
    pytest.importorskip("h5py", reason="the extra saving")

    def made():
        return db.Sequential([Input((6,)), Dense(6), TorchModuleWrapper(network())])

    model, other = made(), made()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other.predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises(TypeError, match="code and not plain data"):
        model.save(tmp_path / "m.keras")


def test_what_cannot_be_wrapped_is_said(on_torch):
    with pytest.raises(TypeError, match=r"a torch\.nn\.Module; got 3"):
        TorchModuleWrapper(3)
    with pytest.raises(ValueError, match="weight, bias have no shape yet"):
        TorchModuleWrapper(nn.LazyLinear(3))


def test_another_backend_says_that_it_needs_torch():
    with (
        db.use_backend("numpy"),
        pytest.raises(ValueError, match="needs the torch backend, and 'numpy' is active"),
    ):
        TorchModuleWrapper(nn.Linear(2, 3))
