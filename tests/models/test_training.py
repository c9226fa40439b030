"""fit, evaluate, predict: what goes in, what happens in between, what comes out."""

import os
import signal
import threading
import warnings

import numpy as np
import pytest

import deepbasics as db
from deepbasics import layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = (X @ np.array([1.0, -2.0, 0.5]))[:, None].astype("float32")
QUIET = {"verbose": 0}


def model(optimizer="sgd", loss="mse", **compiled):
    """The same weights each time."""
    made = db.Sequential(
        [
            db.Input((3,)),
            layers.Dense(4, activation="tanh", kernel_initializer=_initializer(1)),
            layers.Dense(1, kernel_initializer=_initializer(2)),
        ]
    )
    made.compile(optimizer, loss, **compiled)
    return made


def _initializer(seed):
    return db.initializers.GlorotUniform(seed=seed)


def same(a, b):
    return all(np.array_equal(v, w) for v, w in zip(a, b, strict=True))


# what goes in -------------------------------------------------------------------------------------


def forms():
    yield "lists", lambda: (X.tolist(), Y.tolist())
    yield "flat list of labels", lambda: (X.tolist(), Y[:, 0].tolist())
    yield "float64", lambda: (X.astype("float64"), Y.astype("float64"))
    yield "Fortran order", lambda: (np.asfortranarray(X), Y)
    yield "objects that are numbers", lambda: (X.astype(object), Y)
    yield "read only", lambda: (_locked(X), _locked(Y))
    yield "negative strides", lambda: (X[::-1][::-1], Y)
    yield "pandas", _frames
    yield "sparse", _sparse
    yield "torch", _tensors
    yield "generator", lambda: (_batches(), None)
    yield "iterable", lambda: (list(_batches()).__iter__(), None)
    yield "PyDataset", lambda: (Batches(), None)


def _locked(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def _frames():
    pandas = pytest.importorskip("pandas", reason="pandas is an extra")
    return pandas.DataFrame(X, columns=list("abc")), pandas.Series(Y[:, 0])


def _sparse():
    sparse = pytest.importorskip("scipy.sparse", reason="scipy comes with scikit-learn")
    return sparse.csr_matrix(X), Y


def _tensors():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    return torch.tensor(X), torch.tensor(Y)


def _batches(size=5):
    for start in range(0, 20, size):
        yield X[start : start + size], Y[start : start + size]


class Batches(db.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5]


@pytest.mark.parametrize("form", [pytest.param(make, id=name) for name, make in forms()])
def test_every_form_of_data_trains_alike(backend, form):
    expected = model()
    expected.fit(X, Y, batch_size=5, shuffle=False, **QUIET)
    made = model()
    x, y = form()
    made.fit(x, y, batch_size=5, shuffle=False, **QUIET)
    for a, b in zip(expected.get_weights(), made.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_a_torch_data_loader_is_a_source(backend):
    torch = pytest.importorskip("torch", reason="torch is an extra")
    data = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=5)
    made, expected = model(), model()
    history = made.fit(loader, epochs=2, validation_data=loader, **QUIET)
    other = expected.fit(
        X, Y, batch_size=5, epochs=2, shuffle=False, validation_data=(X, Y), **QUIET
    )
    np.testing.assert_allclose(history.history["val_loss"], other.history["val_loss"], rtol=1e-6)
    assert history.params["steps"] == 4
    assert made.evaluate(loader, **QUIET) == pytest.approx(other.history["val_loss"][-1])
    assert made.predict(loader, **QUIET).shape == (20, 1)


@pytest.mark.parametrize("value", [2**40, np.iinfo("int64").max, 10**25], ids=str)
def test_very_large_integers_become_floats(backend, value):
    made = model()
    assert made.predict([[value, 0, 0]], **QUIET).dtype == np.float32


def test_nan_inputs_are_for_models_that_make_numbers_of_them(backend):
    x = X.copy()
    x[3, 1] = np.nan
    made = model()
    with pytest.raises(ValueError, match=r"NaN or infinite in 1 of .* is row 3"):
        made.fit(x, Y, **QUIET)
    assert np.isnan(made.evaluate(x, Y, **QUIET)).any()

    filled = db.layers.Lambda(lambda x: db.ops.where(db.ops.isnan(x), 0.0, x))
    careful = db.Sequential([filled, *model().layers])
    careful.compile("sgd", "mse")
    assert np.isfinite(careful.fit(x, Y, **QUIET).history["loss"][0])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16"])
def test_other_dtypes_are_cast_once(backend, dtype):
    x = (np.abs(X) > 0.5).astype(dtype)
    made, expected = model(), model()
    made.fit(x, Y, shuffle=False, **QUIET)
    expected.fit(x.astype("float32"), Y, shuffle=False, **QUIET)
    assert same(made.get_weights(), expected.get_weights())


def test_floatx_float64_makes_a_model_of_float64(backend):
    before = db.config.floatx()
    db.config.set_floatx("float64")
    try:
        made = model("adam", metrics=["mae"])
        made.fit(X, Y, **QUIET)
        assert {w.dtype for w in made.get_weights()} == {np.dtype("float64")}
        assert made.predict(X, **QUIET).dtype == np.float64
    finally:
        db.config.set_floatx(before)
    fine = made.predict(X.astype("float64") + 1e-12, **QUIET)
    assert not np.array_equal(fine, made.predict(X, **QUIET))  # its own dtype, not today's floatx


# the loop -----------------------------------------------------------------------------------------


def test_shuffling_is_repeatable_and_differs_between_epochs(backend):
    seen = []

    def run(**options):
        db.utils.set_random_seed(3)
        made = model()
        made.fit(X, Y, batch_size=4, epochs=2, **QUIET, **options)
        seen.append(made.get_weights())

    run()
    run()
    run(shuffle=False)
    run(shuffle="batch")
    assert same(seen[0], seen[1])
    assert not same(seen[0], seen[2])
    assert not same(seen[0], seen[3])


def test_the_last_batch_counts_by_its_rows(backend):
    made = model(db.optimizers.SGD(0.0), metrics=["mae"])
    loss, mae = made.evaluate(X, Y, batch_size=20, **QUIET)
    history = made.fit(X, Y, batch_size=8, **QUIET).history
    assert history["loss"][0] == pytest.approx(loss, rel=1e-5)
    assert history["mae"][0] == pytest.approx(mae, rel=1e-5)


def test_history_says_what_was_run(backend):
    made = model(metrics=["mae"])
    history = made.fit(X, Y, epochs=5, initial_epoch=2, validation_split=0.25, **QUIET)
    assert history is made.history
    assert history.epoch == [2, 3, 4]
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert history.params == {"verbose": 0, "epochs": 5, "steps": 1}
    assert all(isinstance(v, float) for values in history.history.values() for v in values)
    assert made.metrics_names == ["loss", "mae"]
    again = made.fit(X, Y, **QUIET)
    assert again.epoch == [0]


def test_no_epochs_train_nothing(backend):
    made = model()
    before = made.get_weights()
    assert made.fit(X, Y, epochs=0, **QUIET).history == {}
    assert same(before, made.get_weights())


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
def test_stop_training_stops_after_the_batch_or_the_epoch(backend, hook):
    class Stop(db.callbacks.Callback):
        seen = 0

        def stop(self, index, logs=None):
            self.seen += 1
            assert set(logs) == {"loss"}
            self.model.stop_training = True

    setattr(Stop, hook, Stop.stop)
    made, stop = model(), Stop()
    history = made.fit(X, Y, batch_size=5, epochs=3, callbacks=[stop], **QUIET)
    assert history.epoch == [0]
    assert int(made.optimizer.iterations.numpy()) == (1 if hook == "on_train_batch_end" else 4)
    made.fit(X, Y, batch_size=5, **QUIET)
    assert int(made.optimizer.iterations.numpy()) in (5, 8)


def test_ctrl_c_waits_for_the_step_and_keeps_the_history(backend):
    class Interrupt(db.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if len(self.model.history.epoch) == 2 and batch == 1:
                os.kill(os.getpid(), signal.SIGINT)

    made, whole = model("adam"), model("adam")
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, Y, batch_size=5, epochs=9, shuffle=False, callbacks=Interrupt(), **QUIET)
    assert made.history.epoch == [0, 1]
    assert int(made.optimizer.iterations.numpy()) == 10
    whole.fit(X, Y, batch_size=5, epochs=2, shuffle=False, **QUIET)
    whole.fit(X, Y, batch_size=5, steps_per_epoch=2, shuffle=False, **QUIET)
    assert same(made.get_weights(), whole.get_weights())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    made.fit(X, Y, **QUIET)


def test_a_second_ctrl_c_does_not_wait(backend):
    reached = []

    class Interrupt(db.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            reached.append(batch)

    with pytest.raises(KeyboardInterrupt):
        model().fit(X, Y, callbacks=Interrupt(), **QUIET)
    assert not reached


def test_fit_works_outside_the_main_thread(backend):
    made = model()
    thread = threading.Thread(target=lambda: made.fit(X, Y, **QUIET))
    thread.start()
    thread.join()
    assert made.history.epoch == [0]


def test_an_error_in_a_callback_leaves_the_model_usable(backend):
    class Broken(db.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise RuntimeError("mine")

    made = model()
    with pytest.raises(RuntimeError, match="mine"):
        made.fit(X, Y, callbacks=Broken(), **QUIET)
    made.fit(X, Y, **QUIET)


@pytest.mark.parametrize(
    ("verbose", "expected"), [(0, ""), (1, "loss:"), (2, "loss:"), ("auto", "loss:")]
)
def test_verbose_decides_what_is_printed(backend, capsys, verbose, expected):
    made = model()
    made.fit(X, Y, verbose=verbose)
    made.evaluate(X, Y, verbose=verbose)
    made.predict(X, verbose=verbose)
    said = capsys.readouterr().out
    assert expected in said
    assert bool(said) == bool(verbose)


def test_a_generator_that_ends_early_ends_training(backend):
    made = model()
    with pytest.warns(UserWarning, match="ran out before epoch 2"):
        history = made.fit(_batches(), epochs=5, **QUIET)
    assert history.epoch == [0]


def test_an_endless_generator_goes_on_from_epoch_to_epoch(backend):
    def endless():
        while True:
            yield from _batches()

    made, expected = model(), model()
    made.fit(endless(), steps_per_epoch=2, epochs=4, **QUIET)
    expected.fit(X, Y, batch_size=5, epochs=2, shuffle=False, **QUIET)
    assert same(made.get_weights(), expected.get_weights())


def test_a_py_dataset_is_shuffled_and_told_of_epochs(backend):
    class Told(Batches):
        order, ends = (), 0

        def __getitem__(self, index):
            self.order = (*self.order, index)
            return super().__getitem__(index)

        def on_epoch_end(self):
            self.ends += 1

    data = Told()
    model().fit(data, epochs=3, **QUIET)
    assert data.ends == 3
    epochs = [data.order[1 + 4 * i : 5 + 4 * i] for i in range(3)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in epochs)
    assert len(set(epochs)) > 1


def test_class_weights_reach_the_batches_of_a_generator(backend):
    labels = (Y[:, 0] > 0).astype(int)
    batches = [(X[:10], labels[:10]), (X[10:], labels[10:])]
    loss = db.losses.BinaryCrossentropy(from_logits=True)
    made, expected = (model(loss=loss) for _ in range(2))
    made.fit(iter(batches), class_weight={1: 5.0}, **QUIET)
    expected.fit(X, labels, batch_size=10, shuffle=False, class_weight={1: 5.0}, **QUIET)
    assert same(made.get_weights(), expected.get_weights())


# what training remembers --------------------------------------------------------------------------


def test_compiling_again_forgets_the_optimizer_and_keeps_the_weights(backend):
    made = model("adam")
    made.fit(X, Y, **QUIET)
    weights = made.get_weights()
    made.compile("adam", "mae", metrics=["mse"])
    assert same(weights, made.get_weights())
    assert int(made.optimizer.iterations.numpy()) == 0
    assert sorted(made.fit(X, Y, **QUIET).history) == ["loss", "mse"]


def test_setting_the_learning_rate_counts_at_once(backend):
    made = model()
    made.fit(X, Y, **QUIET)
    before = made.get_weights()
    made.optimizer.learning_rate = 0.0
    made.fit(X, Y, **QUIET)
    assert same(before, made.get_weights())
    db.backend.set_value(made.optimizer.lr, 0.1)
    made.fit(X, Y, **QUIET)
    assert not same(before, made.get_weights())


@pytest.mark.parametrize("first", ["fit", "evaluate", "predict"])
def test_parts_made_on_another_backend_come_along(backend, first):
    with db.use_backend("numpy"):
        optimizer, metric = db.optimizers.Adam(), db.metrics.AUC()
        dropout = layers.Dropout(0.5, seed=1)
    made = db.Sequential([db.Input((3,)), dropout, layers.Dense(1, activation="sigmoid")])
    made.compile(optimizer, "binary_crossentropy", metrics=[metric])
    if first != "fit":
        getattr(made, first)(X, *([Y > 0] if first == "evaluate" else []), **QUIET)
        assert dropout.seed_generator.counter.backend is backend
    history = made.fit(X, Y > 0, **QUIET).history
    assert 0 <= history["auc"][0] <= 1


def test_two_models_that_share_layers_train_both_in_turn(backend):
    def pair():
        shared = layers.Dense(4, kernel_initializer=_initializer(1))
        return [
            db.Sequential([db.Input((3,)), shared, layers.Dense(1, kernel_initializer=seed)])
            for seed in (_initializer(2), _initializer(3))
        ]

    first, second = pair()
    for made in (first, second):
        made.compile("adam", "mse")
    for _ in range(3):
        before = first.predict(X, **QUIET)
        second.fit(X, Y, **QUIET)
        assert not np.array_equal(before, first.predict(X, **QUIET))
        before = second.predict(X, **QUIET)
        first.fit(X, Y, **QUIET)
        assert not np.array_equal(before, second.predict(X, **QUIET))
    assert int(first.optimizer.iterations.numpy()) == 3


def test_the_step_follows_what_changes_between_fits(backend):
    made = model("adam")
    kernel = made.layers[0].kernel
    moved = []
    for trainable in (True, False, True):
        made.layers[0].trainable = trainable
        before = kernel.numpy()
        made.fit(X, Y, **QUIET)
        moved.append(not np.array_equal(before, kernel.numpy()))
    assert moved == [True, False, True]


# losses -------------------------------------------------------------------------------------------


def test_penalties_are_part_of_the_loss(backend):
    made = db.Sequential(
        [db.Input((3,)), layers.Dense(2, kernel_regularizer=db.regularizers.L2(0.5))]
    )
    made.compile("sgd", "mse")
    y = np.zeros((20, 2))
    kernel = made.get_weights()[0]
    plain = np.mean((X @ kernel) ** 2)
    expected = plain + 0.5 * np.sum(kernel**2)
    assert made.evaluate(X, y, **QUIET) == pytest.approx(expected, rel=1e-5)
    made.layers[0].trainable = False
    assert made.evaluate(X, y, **QUIET) == pytest.approx(plain, rel=1e-5)


def test_a_layer_may_add_a_loss_and_be_all_there_is(backend):
    class Pull(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((input_shape[-1],), "ones", name="w")

        def call(self, inputs):
            self.add_loss(db.ops.sum(db.ops.square(self.w)))
            return inputs * self.w

    made = db.Sequential([Pull()])
    made.compile(db.optimizers.SGD(0.25))
    assert made.fit(X, **QUIET).history["loss"] == [3.0]
    np.testing.assert_allclose(made.get_weights()[0], [0.5] * 3)


def test_a_model_may_define_its_loss(backend):
    class Own(db.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 3.0 * super().compute_loss(x, y, y_pred, sample_weight, training)

    made = Own([db.Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    made.compile("sgd", "mse")
    expected = 3 * np.mean((X.sum(1, keepdims=True) - Y) ** 2)
    assert made.evaluate(X, Y, **QUIET) == pytest.approx(expected, rel=1e-5)


# what comes out -----------------------------------------------------------------------------------


def test_evaluate_gives_a_number_a_list_or_a_dict(backend):
    assert isinstance(model().evaluate(X, Y, **QUIET), float)
    made = model(metrics=["mae", "mse"])
    loss, _mae, mse = made.evaluate(X, Y, **QUIET)
    assert loss == pytest.approx(mse)
    assert list(made.evaluate(X, Y, return_dict=True, **QUIET)) == ["loss", "mae", "mse"]
    assert made.metrics_names == ["loss", "mae", "mse"]
    assert made.evaluate(X, Y, steps=1, batch_size=5, **QUIET)[0] == pytest.approx(
        made.evaluate(X[:5], Y[:5], **QUIET)[0]
    )


def test_predict_needs_no_compile_and_keeps_the_order(backend):
    made = db.Sequential([db.Input((3,)), layers.Dense(2)])
    whole = made.predict(X, **QUIET)
    assert whole.shape == (20, 2)
    assert isinstance(whole, np.ndarray)
    np.testing.assert_allclose(made.predict(X, batch_size=3, **QUIET), whole, rtol=1e-6)
    np.testing.assert_allclose(made.predict_on_batch(X[:4]), whole[:4], rtol=1e-6)
    np.testing.assert_allclose(made.predict(iter([X[:7], X[7:]]), **QUIET), whole, rtol=1e-6)
    np.testing.assert_allclose(made.predict(X, steps=2, batch_size=3, **QUIET), whole[:6], 1e-6)


def test_batches_one_by_one_are_an_epoch(backend):
    made, expected = model("adam", metrics=["mae"]), model("adam", metrics=["mae"])
    for x, y in _batches():
        loss, mae = made.train_on_batch(x, y)
    expected.fit(X, Y, batch_size=5, shuffle=False, **QUIET)
    assert same(made.get_weights(), expected.get_weights())
    assert set(made.test_on_batch(X, Y, return_dict=True)) == {"loss", "mae"}
    assert np.isfinite([loss, mae]).all()


def test_casting_float64_data_warns_about_nothing(backend):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model("adam", metrics=["mae"]).fit(X.astype("float64"), Y.astype("float64"), **QUIET)


def test_a_model_that_compares_rows_is_built_on_a_batch(backend):
    """One row is not enough where each is looked up among the others."""

    class Neighbours(db.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs) + self.dense(db.ops.take(inputs, [3, 2, 1, 0], axis=0))

    for use in (
        lambda m: m.fit(X, Y, batch_size=4, **QUIET),
        lambda m: m.evaluate(X, Y, batch_size=4, **QUIET),
        lambda m: m.predict(X, batch_size=4, **QUIET),
        lambda m: m.train_on_batch(X[:4], Y[:4]),
        lambda m: m.fit(((X[i : i + 4], Y[i : i + 4]) for i in range(0, 20, 4)), **QUIET),
    ):
        made = Neighbours()
        made.compile("sgd", "mse")
        use(made)
