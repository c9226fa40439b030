import re

import pytest

from deepbasics.callbacks import CallbackList
from deepbasics.callbacks.progbar_logger import ProgbarLogger


def fit(verbose, epochs=2, steps=3, seen=3, validate=True):
    callbacks = CallbackList(ProgbarLogger(), verbose=verbose, epochs=epochs, steps=steps)
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for batch in range(seen):
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        if validate:
            callbacks.on_test_begin()
            for batch in range(10):
                callbacks.on_test_batch_end(batch, lambda: pytest.fail("nobody looks at these"))
            callbacks.on_test_end({"loss": 2.0})
        callbacks.on_epoch_end(epoch, {"loss": 1.5, "val_loss": 2.0})
    callbacks.on_train_end()
    return callbacks


def printed(capsys):
    return re.sub(r"\d+(s|ms|us)\b", "T", capsys.readouterr().out).replace("━", "")


@pytest.mark.parametrize("verbose", [1, "auto", True])
def test_an_epoch_in_a_file_is_two_lines(verbose, capsys):
    fit(verbose)
    line = "3/3  T T/step - loss: 1.5000 - val_loss: 2.0000\n"
    assert printed(capsys) == f"Epoch 1/2\n{line}Epoch 2/2\n{line}"


def test_a_single_epoch_has_no_number(capsys):
    fit(2, epochs=1)
    assert printed(capsys) == "3/3 - T - T/step - loss: 1.5000 - val_loss: 2.0000\n"


def test_other_modes_print_nothing_or_the_epochs_alone(capsys):
    fit(0)
    assert printed(capsys) == ""
    fit(3)
    assert printed(capsys) == "Epoch 1/2\nEpoch 2/2\n"


def test_an_unknown_length_is_learnt_in_the_first_epoch(capsys):
    callbacks = fit(2, steps=None, epochs=1)
    assert callbacks.callbacks[0].target == 3
    assert printed(capsys).startswith("3/3 - ")


def test_an_epoch_that_was_cut_short_says_how_far_it_came(capsys):
    fit(1, epochs=1, steps=20, seen=12)
    assert printed(capsys).startswith("12/20 ")


def test_evaluations_and_predictions_have_their_own_bar(capsys):
    callbacks = CallbackList(ProgbarLogger(), verbose=1, epochs=1, steps=2)
    for kind, logs in (("test", {"loss": 2.0}), ("predict", {"outputs": [1]})):
        getattr(callbacks, f"on_{kind}_begin")()
        for batch in range(2):
            getattr(callbacks, f"on_{kind}_batch_end")(batch, logs)
        getattr(callbacks, f"on_{kind}_end")(logs)
    assert printed(capsys) == "2/2  T T/step - loss: 2.0000\n2/2  T T/step\n"
