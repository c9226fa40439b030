"""Losses by name, old names included, and their serialisation."""

import inspect

import pytest

from deepbasics import losses
from deepbasics.losses.classes import CLASSES


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mse", "mean_squared_error"),
        ("MSE", "mean_squared_error"),
        ("mae", "mean_absolute_error"),
        ("MAPE", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"),
        ("bce", "binary_crossentropy"),
        ("KLD", "kl_divergence"),
        ("kullback_leibler_divergence", "kl_divergence"),
        ("cosine_proximity", "cosine_similarity"),
        ("cosine", "cosine_similarity"),
        ("logcosh", "log_cosh"),
        ("huber_loss", "huber"),
    ],
)
def test_an_alias_gives_the_function(alias, name):
    assert losses.get(alias) is getattr(losses, name)


@pytest.mark.parametrize("loss", CLASSES, ids=lambda c: c.__name__)
def test_a_class_its_function_and_its_config_are_one_loss(loss):
    function = loss.of
    assert losses.get(function.__name__) is function
    assert losses.deserialize(losses.serialize(function)) is function
    assert type(losses.resolve(function)) is loss
    for thing in (losses.get(loss.__name__), losses.deserialize(losses.serialize(loss()))):
        assert type(thing) is loss
        assert thing.get_config() == loss().get_config()
    parameters = set(inspect.signature(loss).parameters)
    assert parameters == set(loss().get_config())
    assert set(inspect.signature(function).parameters) - {"y_true", "y_pred"} <= parameters


def test_arguments_survive_serialisation():
    loss = losses.Huber(0.5, reduction="sum", name="h")
    again = losses.deserialize(losses.serialize(loss))
    expected = {"name": "h", "reduction": "sum", "dtype": None, "delta": 0.5}
    assert again.get_config() == expected


def test_a_function_of_ones_own_is_serialised_by_its_name():
    def own(y_true, y_pred):
        return y_true - y_pred

    plain = losses.serialize(losses.FunctionLoss(own, reduction="sum"))
    assert plain["config"]["fn"]["config"] == "own"
    again = losses.deserialize(plain, {"own": own})
    assert (again.fn, again.reduction, again.name) == (own, "sum", "own")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'binary_crossentropy'"):
        losses.get("binary_crossentopy")


def test_an_unknown_argument_shows_the_signature():
    with pytest.raises(TypeError, match=r"Huber\(delta=1.0, .*unexpected keyword argument 'detla'"):
        losses.Huber(detla=1.0)


def test_none_and_callables_pass():
    def own(y_true, y_pred):
        return y_true - y_pred

    assert losses.get(None) is None
    assert losses.resolve(None) is None
    assert losses.get(own) is own
    assert losses.resolve(own).name == "own"
    assert losses.deserialize("own", {"own": own}) is own
