import warnings

import pytest

from deepbasics import layers, legacy


def modernised(where, **keywords):
    with pytest.warns(DeprecationWarning, match="is an old spelling|has no effect"):
        return legacy.modernise(where, keywords)


MODERN = [
    ("Dense", {"output_dim": 4}, {"units": 4}),
    ("Dense", {"init": "uniform"}, {"kernel_initializer": "uniform"}),
    ("Dense", {"W_regularizer": "l2"}, {"kernel_regularizer": "l2"}),
    ("Dense", {"b_constraint": "non_neg"}, {"bias_constraint": "non_neg"}),
    ("Dense", {"bias": False}, {"use_bias": False}),
    ("Dense", {"input_dim": 8}, {"input_shape": (8,)}),
    ("LSTM", {"input_dim": 8, "input_length": 5}, {"input_shape": (5, 8)}),
    ("LSTM", {"inner_init": "glorot_uniform"}, {"recurrent_initializer": "glorot_uniform"}),
    ("LSTM", {"inner_activation": "sigmoid"}, {"recurrent_activation": "sigmoid"}),
    ("LSTM", {"forget_bias_init": "one"}, {"unit_forget_bias": True}),
    ("LSTM", {"forget_bias_init": "zero"}, {"unit_forget_bias": False}),
    ("GRU", {"dropout_W": 0.2, "dropout_U": 0.1}, {"dropout": 0.2, "recurrent_dropout": 0.1}),
    ("GRU", {"U_regularizer": "l1"}, {"recurrent_regularizer": "l1"}),
    ("SimpleRNN", {"consume_less": "gpu"}, {}),
    ("Embedding", {"init": "normal"}, {"embeddings_initializer": "normal"}),
    ("Embedding", {"input_length": 20}, {"input_shape": (20,)}),
    ("Conv2D", {"nb_filter": 32, "nb_row": 3, "nb_col": 5}, {"filters": 32, "kernel_size": (3, 5)}),
    ("Conv2D", {"border_mode": "same", "subsample": 2}, {"padding": "same", "strides": 2}),
    ("Conv2D", {"dim_ordering": "th"}, {"data_format": "channels_first"}),
    ("Conv2D", {"dim_ordering": "default"}, {"data_format": None}),
    ("Conv1D", {"filter_length": 3, "subsample_length": 2}, {"kernel_size": 3, "strides": 2}),
    ("Conv3D", dict.fromkeys(("kernel_dim1", "kernel_dim2", "kernel_dim3"), 3),
     {"kernel_size": (3, 3, 3)}),
    ("SeparableConv2D", {"init": "normal"},
     {"depthwise_initializer": "normal", "pointwise_initializer": "normal"}),
    ("MaxPooling1D", {"pool_length": 2, "stride": 1}, {"pool_size": 2, "strides": 1}),
    ("MaxPooling2D", {"border_mode": "same"}, {"padding": "same"}),
    ("Dropout", {"p": 0.5}, {"rate": 0.5}),
    ("GaussianNoise", {"sigma": 0.1}, {"stddev": 0.1}),
    ("LeakyReLU", {"alpha": 0.1}, {"negative_slope": 0.1}),
    ("BatchNormalization", {"mode": 0, "gamma_init": "one"}, {"gamma_initializer": "one"}),
    ("Model", {"input": 1, "output": 2}, {"inputs": 1, "outputs": 2}),
    ("fit", {"nb_epoch": 20, "show_accuracy": True}, {"epochs": 20}),
    ("fit", {"workers": 4}, {}),
    ("fit_generator", {"nb_epoch": 2, "max_q_size": 10}, {"epochs": 2}),
    ("compile", {"class_mode": "binary"}, {}),
    ("SGD", {"lr": 0.1}, {"learning_rate": 0.1}),
    ("Nadam", {"lr": 0.1}, {"learning_rate": 0.1}),
    ("L2", {"l": 0.01}, {"l2": 0.01}),
    ("MaxNorm", {"m": 2}, {"max_value": 2}),
    ("to_categorical", {"nb_classes": 10}, {"num_classes": 10}),
    ("SomeonesOwnLayer", {"input_dim": 3}, {"input_shape": (3,)}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "old", "modern"), MODERN)
def test_an_old_spelling_becomes_the_modern_one(where, old, modern):
    assert modernised(where, **old) == modern


def test_every_rule_belongs_to_a_family_that_someone_has():
    used = {family for families in legacy.FAMILIES.values() for family in families}
    alone = {
        "Model",
        "fit",
        "evaluate",
        "compile",
        "ReduceLROnPlateau",
        "Tokenizer",
        "to_categorical",
    }
    assert set(legacy.RULES) == used | alone


def test_no_rule_takes_a_keyword_that_the_same_thing_gets_from_another_rule():
    for where in [*legacy.FAMILIES, "fit", "Model"]:
        rules = legacy.rules(where)
        old = {name for rule in rules for name in rule.old}
        assert not old & {name for rule in rules for name in rule.new}, where


def test_modern_keywords_pass_unchanged_without_a_warning():
    keywords = {"units": 4, "activation": "relu", "input_shape": (8,)}
    assert legacy.modernise("Dense", keywords) == keywords


def test_one_warning_per_spelling_shows_the_modern_one():
    with pytest.warns(DeprecationWarning, match=r"Dense\(output_dim=…\).*write units=4\."):
        legacy.modernise("Dense", {"output_dim": 4})
    legacy.modernise("Dense", {"output_dim": 5})  # where a second warning would be an error
    with pytest.warns(DeprecationWarning, match=r"GRU\(output_dim=…\)"):
        legacy.modernise("GRU", {"output_dim": 4})


@pytest.mark.parametrize("time", ["first", "second"])
def test_no_test_has_its_warning_taken_by_an_earlier_one(time):
    with pytest.warns(DeprecationWarning, match="write units=4"):
        layers.Dense(output_dim=4)


def test_a_spelling_without_effect_says_why():
    with pytest.warns(DeprecationWarning, match=r"show_accuracy=….*compile\(metrics="):
        legacy.modernise("fit", {"show_accuracy": True})


def test_the_warning_points_at_the_script():
    with pytest.warns(DeprecationWarning, match="epochs=1") as seen:
        legacy.modernise("fit", {"nb_epoch": 1})
    assert seen[0].filename == __file__


def test_where_warnings_are_errors_every_use_is_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(DeprecationWarning):
                legacy.modernise("fit", {"nb_epoch": 1})


def test_both_spellings_at_once_are_refused():
    with pytest.raises(TypeError, match="Dense got both 'units' and its old spelling 'output_dim'"):
        legacy.modernise("Dense", {"units": 1, "output_dim": 2})


def test_half_a_kernel_size_is_refused():
    with pytest.raises(TypeError, match="nb_row, nb_col"):
        legacy.modernise("Conv2D", {"nb_row": 3})


@legacy.keywords("Dense", also=("name", "input_dim"))
def dense(units, activation=None, **others):
    return units, activation, others


def test_a_decorated_function_takes_old_spellings_and_what_it_hands_on():
    with pytest.warns(DeprecationWarning, match="units=3"):
        assert dense(output_dim=3, name="a") == (3, None, {"name": "a"})
    assert dense(3, "relu", input_dim=2) == (3, "relu", {"input_dim": 2})


def test_a_decorated_function_names_what_it_does_not_take():
    with pytest.raises(
        TypeError, match=r"Dense got an unexpected argument 'unit'\. Did you mean 'units'\?"
    ):
        dense(unit=3)


def test_a_decorated_function_keeps_its_signature():
    assert dense.__name__ == "dense"
    assert dense.__wrapped__ is not None


def test_renamed_layers_lead_to_layers_of_today():
    assert legacy.LAYER_NAMES["Convolution2D"] == "Conv2D"
    assert not set(legacy.LAYER_NAMES.values()) & set(legacy.LAYER_NAMES)


@pytest.mark.parametrize("name", ["Convolution2D", "AtrousConvolution2D", "SeparableConvolution2D"])
def test_three_ints_after_an_old_name_are_filters_and_the_lengths_of_the_kernel(name):
    with pytest.warns(DeprecationWarning, match=r"kernel_size=\(3, 5\)"):
        layer = getattr(layers, name)(32, 3, 5, padding="same", input_shape=(8, 8, 1))
    assert (layer.filters, layer.kernel_size, layer.strides) == (32, (3, 5), (1, 1))
    assert layer.padding == "same"


def test_the_output_shape_after_the_lengths_of_a_deconvolution_is_left_out():
    with pytest.warns(DeprecationWarning, match=r"kernel_size=\(2, 3\)"):
        layer = layers.Deconvolution2D(4, 2, 3, (None, 8, 8, 4), strides=(2, 2))
    assert (layer.kernel_size, layer.strides) == ((2, 3), (2, 2))


def test_an_old_name_with_arguments_of_today_is_the_layer_of_today():
    assert type(layers.Convolution2D(4, (3, 3), strides=2)) is layers.Conv2D
    assert layers.MaxPool3D is layers.MaxPooling3D


def test_three_ints_after_a_modern_name_are_said_to_be_strides():
    with pytest.warns(UserWarning, match=r"strides of 3.*write Conv2D\(32, \(3, 3\)\)"):
        assert layers.Conv2D(32, 3, 3).strides == (3, 3)
    assert layers.Conv1D(32, 3, 2).strides == (2,)


def test_sides_of_a_padding_by_name():
    layer = layers.ZeroPadding2D({"top_pad": 1, "left_pad": 2, "right_pad": 3})
    assert layer.padding == ((1, 0), (2, 3))


@pytest.mark.parametrize(
    ("name", "old", "modern"),
    [
        ("Conv2D", {"nb_filter": 2, "nb_row": 3, "nb_col": 2, "subsample": (2, 2)},
         {"filters": 2, "kernel_size": (3, 2), "strides": (2, 2)}),
        ("Conv1D", {"nb_filter": 2, "filter_length": 3, "border_mode": "same"},
         {"filters": 2, "kernel_size": (3,), "padding": "same"}),
        ("MaxPooling1D", {"pool_length": 3, "stride": 2}, {"pool_size": (3,), "strides": (2,)}),
        ("MaxPooling2D", {"dim_ordering": "th"}, {"data_format": "channels_first"}),
        ("UpSampling1D", {"length": 3}, {"size": (3,)}),
        ("GaussianNoise", {"sigma": 0.5}, {"stddev": 0.5}),
        ("SpatialDropout2D", {"p": 0.5}, {"rate": 0.5}),
        ("LeakyReLU", {"alpha": 0.1}, {"negative_slope": 0.1}),
    ],
)  # fmt: skip
def test_layers_take_the_spellings_of_keras_1(name, old, modern):
    with pytest.warns(DeprecationWarning, match="is an old spelling"):
        layer = getattr(layers, name)(**old)
    assert {key: getattr(layer, key) for key in modern} == modern
