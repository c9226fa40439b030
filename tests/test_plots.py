"""Plots: what is drawn, read from the figure; what cannot be drawn is refused."""

import subprocess
import sys

import numpy as np
import pytest

from deepbasics import ops, plots
from deepbasics.callbacks import CSVLogger
from deepbasics.layers import Conv2D, Dense, Flatten, Input, SimpleRNN
from deepbasics.models import Model, Sequential

pytest.importorskip("matplotlib", reason="the pictures need matplotlib, the extra 'recipes'")

HISTORY = {"accuracy": [0.5, 0.75], "loss": [0.6, 0.4], "val_loss": [0.7, 0.5]}


def texts(axes):
    return [text.get_text() for text in axes.texts]


def lines(axes):
    return {line.get_label(): line.get_ydata().tolist() for line in axes.lines}


def test_curves_has_a_panel_for_each_metric_the_loss_first_and_validation_beside_it():
    loss, accuracy = plots.curves(HISTORY).axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    assert list(lines(loss).values()) == [[0.6, 0.4], [0.7, 0.5]]
    assert "validation" in lines(loss)
    assert accuracy.lines[0].get_xdata().tolist() == [1, 2], "epochs are counted from 1"


def test_curves_overlays_histories_under_their_labels():
    (panel,) = plots.curves(
        HISTORY, {"loss": [1.0]}, labels=["numpy", "torch"], metrics=["loss"]
    ).axes
    found = lines(panel)
    assert found["numpy"] == [0.6, 0.4]
    assert found["numpy validation"] == [0.7, 0.5]
    assert found["torch"] == [1.0]


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_curves_of_a_history_and_of_the_file_that_the_logger_wrote_are_the_same(
    tmp_path, separator
):
    model = Sequential([Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=["mae"])
    path = tmp_path / "log.csv"
    x = np.arange(8.0).reshape(4, 2) / 8
    history = model.fit(x, x[:, 0], epochs=3, verbose=0, callbacks=[CSVLogger(path, separator)])
    drawn, read = plots.curves(history), plots.curves(path)
    assert [axes.get_title() for axes in read.axes] == ["loss", "mae"]
    for one, other in zip(drawn.axes, read.axes, strict=True):
        assert lines(one) == lines(other)


def test_curves_leave_out_what_is_no_number(tmp_path):
    (tmp_path / "log.csv").write_text('epoch,loss,scores\n0,1.0,"[1, 2]"\n1,0.5,"[3, 4]"\n')
    assert [axes.get_title() for axes in plots.curves(tmp_path / "log.csv").axes] == ["loss"]


@pytest.mark.parametrize("nothing", [(), ({},)])
def test_curves_of_nothing_are_refused(nothing):
    with pytest.raises(ValueError, match="at least one epoch"):
        plots.curves(*nothing)


def test_curves_want_a_label_for_each_history():
    with pytest.raises(ValueError, match="2 histories and 1 labels"):
        plots.curves(HISTORY, HISTORY, labels=["one"])


def test_a_confusion_matrix_counts_true_classes_in_rows():
    figure = plots.confusion_matrix([0, 0, 1, 1, 1], [0, 1, 1, 1, 0], labels=["no", "yes"])
    axes = figure.axes[0]
    assert texts(axes) == ["1", "1", "1", "2"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no", "yes"]
    assert axes.get_title() == "60.0% of 5 right"


def test_a_confusion_matrix_takes_bools_and_classes_that_never_occur():
    figure = plots.confusion_matrix(np.array([True, False]), np.array([True, True]), labels="abc")
    assert texts(figure.axes[0]) == ["0", "1", "0", "0", "1", "0", "0", "0", "0"]


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([0, 1], [0], "one shape"),
        (np.eye(2), np.eye(2), "argmax"),
        ([], [], "one shape"),
        ([0, -1], [0, 1], "negative"),
    ],
)
def test_a_confusion_matrix_refuses_what_are_no_class_ids(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        plots.confusion_matrix(true, predicted)


def test_a_confusion_matrix_refuses_too_few_labels():
    with pytest.raises(ValueError, match="1 labels for 2 classes"):
        plots.confusion_matrix([0, 1], [0, 1], labels=["one"])


class Half:
    """Class 1 where x[0] > x[1]."""

    def __init__(self, classes):
        self.classes = classes

    def predict(self, x, batch_size, verbose):
        positive = (x[:, :1] > x[:, 1:]).astype(float)
        return positive if self.classes == 1 else np.hstack([1 - positive, positive])


def test_decision_regions_draws_the_levels_of_one_output_with_a_scale():
    x, y = np.array([[0, 0], [1, 0.5]]), np.array([[0.0], [1.0]])
    axes, scale = plots.decision_regions(Half(1), x, y, points=20).axes
    assert axes.collections[-1].get_offsets().tolist() == x.tolist()
    assert scale.get_ylabel() == "output"


def test_decision_regions_draws_the_class_of_several_outputs():
    x = np.array([[0.0, 1.0], [1.0, 0.0]])
    (axes,) = plots.decision_regions(Half(2), x, np.eye(2), points=20).axes
    classes = axes.collections[0].get_array().reshape(20, 20)
    assert classes[-1, 0] == 0, "top left: x[0] < x[1]"
    assert classes[0, -1] == 1
    assert axes.collections[1].get_array().tolist() == [0, 1]


def test_decision_regions_refuses_more_than_two_inputs():
    with pytest.raises(ValueError, match=r"\(n, 2\); x has \(4, 3\)"):
        plots.decision_regions(Half(1), np.zeros((4, 3)), np.zeros(4))


def test_digits_stand_under_their_predictions_wrong_ones_in_red():
    figure = plots.digits(np.zeros((12, 4)), np.arange(12) % 10, [0, 1, 7, *range(3, 10), 0, 1])
    titles = [(axes.get_title(), axes.title.get_color()) for axes in figure.axes[:12]]
    assert titles[1] == ("1", "black")
    assert titles[2] == ("2, not 7", "red")
    assert figure.axes[0].images[0].get_array().shape == (2, 2)
    assert len(figure.axes) == 20, "two rows of ten"


def test_digits_refuses_rows_that_are_no_squares():
    with pytest.raises(ValueError, match=r"square ones; got \(3, 5\)"):
        plots.digits(np.zeros((3, 5)))


@pytest.mark.parametrize(
    ("shape", "count", "image"),
    [((784, 3), 3, (28, 28)), ((8, 16), 1, (8, 16)), ((3, 3, 2, 5), 5, (3, 3))],
)
def test_filters_are_images_of_the_units_or_one_map(shape, count, image):
    figure = plots.filters(np.random.default_rng(0).normal(size=shape))
    drawn = [axes.images[0].get_array().shape for axes in figure.axes if axes.images]
    assert drawn == [image] * count


def test_filters_show_a_unit_s_weights_as_they_are_and_zero_in_the_middle():
    kernel = np.arange(18.0).reshape(9, 2) - 4
    first = plots.filters(kernel).axes[0].images[0]
    assert first.get_array().ravel().tolist() == kernel[:, 0].tolist()
    assert first.get_clim() == (-13.0, 13.0)


def test_filters_refuses_a_bias():
    with pytest.raises(ValueError, match=r"rank 2 or 4; got shape \(3,\)"):
        plots.filters(np.zeros(3))


def drawn(figure):
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def test_activations_of_a_convolution_are_its_channels_a_row_for_each_input(backend):
    model = Sequential([Input((6, 5, 1)), Conv2D(3, 2, name="conv"), Flatten(), Dense(2)])
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 1)).astype("float32")
    figure = plots.activations(model, x, layer="conv")
    images = drawn(figure)
    want = ops.convert_to_numpy(model.layers[0](x))
    assert len(images) == 6
    np.testing.assert_allclose(images[4], want[1, :, :, 1], rtol=1e-5, atol=1e-6)
    assert figure.axes[3].get_subplotspec().rowspan.start == 1
    assert figure.axes[3].get_subplotspec().colspan.start == 0
    (alone, *_) = plots.activations(model, x[:1], layer="conv").axes
    assert alone.get_gridspec().ncols == 3
    assert figure.get_suptitle() == "conv"


def test_activations_of_units_are_one_map_and_of_sequences_one_for_each_input():
    inputs = Input((4, 3))
    steps = SimpleRNN(5, return_sequences=True)(inputs)
    model = Model(inputs, Dense(2)(Flatten()(steps)))
    x = np.ones((3, 4, 3), "float32")
    assert [image.shape for image in drawn(plots.activations(model, x, layer=1))] == [(4, 5)] * 3
    (units,) = drawn(plots.activations(model, x, layer=model.layers[-1]))
    np.testing.assert_allclose(units, model.predict(x, verbose=0))


def test_activations_refuses_a_layer_that_is_not_there_and_outputs_that_are_no_maps():
    model = Sequential([Input((2, 2, 2, 1)), Flatten(name="flat"), Dense(1)])
    with pytest.raises(ValueError, match="flat"):
        plots.activations(model, np.zeros((1, 2, 2, 2, 1)), layer="flet")
    deep = Model(model.inputs, model.inputs[0] * 2.0)
    with pytest.raises(ValueError, match=r"rank 2 to 4; .* gives \(1, 2, 2, 2, 1\)"):
        plots.activations(deep, np.zeros((1, 2, 2, 2, 1)), layer=-1)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_written_in_the_format_of_its_ending_and_folders_are_made(tmp_path, ending):
    path = tmp_path / "new" / f"curves.{ending}"
    plots.curves(HISTORY, title="A title", save=path)
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[ending])


def test_pyplot_is_never_imported_so_no_display_is_needed():
    code = (
        "import sys; from deepbasics import plots; plots.curves({'loss': [1.0]})"
        "; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'plots.digits needs .* "deepbasics\[recipes\]"'):
        plots.digits(np.zeros((1, 2, 2)))
