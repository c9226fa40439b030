"""Labels that a loss cannot mean anything with are refused, with a sentence that helps."""

import numpy as np
import pytest

from deepbasics import losses

IDS = np.arange(12) % 3
ONE_HOT = np.eye(3)[IDS]
NAN = np.array([0.0, 1.0, np.nan, 1.0])

REFUSED = [
    (
        "sparse_categorical_crossentropy",
        ONE_HOT,
        (None, 3),
        r"labels of shape \(12, 3\); it expects integer class ids of shape \(12,\).*\n"
        r"Your labels look one-hot: pass y.argmax.*loss=\"categorical_crossentropy\"",
    ),
    ("sparse_categorical_crossentropy", IDS + 1, (None, 3), "start at 1: pass y - 1"),
    ("sparse_categorical_crossentropy", IDS, (None, 2), r"0 to 2;.* width 2 .*\n.* 3 units"),
    ("sparse_categorical_crossentropy", IDS, (None, 1), "Give the last layer 3 units"),
    ("sparse_categorical_crossentropy", IDS % 2, (None, 1), 'goes with "binary_crossentropy"'),
    ("sparse_categorical_crossentropy", IDS - 1, (None, 3), "from -1 to 1.*\n.*np.unique"),
    ("sparse_categorical_crossentropy", IDS + 0.5, (None, 3), "not whole numbers.* row 0: 0.5"),
    ("sparse_categorical_crossentropy", np.zeros((4, 7)), (None, 5, 3), r"of shape \(4, 5\)"),
    (
        "categorical_crossentropy",
        IDS,
        (None, 3),
        r"shape \(12,\) .*\nYour labels look like class ids: pass utils.to_categorical\(y, 3\)",
    ),
    ("categorical_crossentropy", IDS[:, None], (None, 3), "look like class ids"),
    ("categorical_crossentropy", np.eye(4)[IDS], (None, 3), "4 classes in the labels, 3 in the"),
    ("categorical_crossentropy", ONE_HOT * 2, (None, 3), "from 0 to 2; it expects.* 0 to 1"),
    ("binary_crossentropy", IDS, (None, 1), "from 0 to 2; .*\n.*sparse_categorical_crossentropy"),
    ("binary_crossentropy", 2 * (IDS % 2) - 1, (None, 1), r'loss="hinge".*\(y \+ 1\) / 2'),
    ("binary_crossentropy", IDS * 0.9, (None, 1), "Map two classes to 0 and 1.*np.where"),
    (
        "binary_crossentropy",
        np.eye(2)[IDS % 2],
        (None, 1),
        r"look one-hot: pass y.argmax\(axis=1\)",
    ),
    ("binary_crossentropy", NAN, (None, 1), "NaN or infinite in 1 of 4 rows, the first is row 2"),
    ("mse", np.array([[1.0, 2.0], [np.inf, 2.0]]), (None, 2), "first is row 1"),
    ("mse", np.zeros((4, 2)), (None, 1), r"\(4, 2\) .*\(batch, 1\); the shapes must be equal"),
    ("mse", np.array(["a", "b"]), (None, 1), "labels of dtype <U1, for example"),
    ("mse", np.array([1, None]), (None, 1), "labels of dtype object"),
    ("hinge", IDS, (None, 1), "Map two classes to -1 and 1"),
    ("categorical_hinge", IDS, (None, 3), "look like class ids"),
]


@pytest.mark.parametrize(("loss", "y", "output", "message"), REFUSED)
def test_labels_that_do_not_fit_are_refused(loss, y, output, message):
    with pytest.raises(ValueError, match=message):
        losses.check_labels(loss, y, output)


@pytest.mark.parametrize(
    ("loss", "y", "output"),
    [
        ("sparse_categorical_crossentropy", IDS, (None, 3)),
        ("sparse_categorical_crossentropy", IDS[:, None].astype("float32"), (None, 3)),
        ("sparse_categorical_crossentropy", np.zeros((4, 5), "uint8"), (None, 5, 3)),
        ("sparse_categorical_crossentropy", np.zeros((4, 5)), (None, None, 3)),
        (losses.SparseCategoricalCrossentropy(ignore_class=-1), IDS - 1, (None, 2)),
        ("categorical_crossentropy", ONE_HOT, (None, 3)),
        ("categorical_crossentropy", np.full((2, 3), 1 / 3), (None, 3)),
        ("binary_crossentropy", IDS % 2, (None, 1)),
        ("binary_crossentropy", np.array([True, False]), (None, 1)),
        ("binary_crossentropy", np.full((3, 1), 0.5), (None, 1)),
        ("mse", np.zeros(4), (None, 1)),
        ("mse", np.zeros((4, 28, 28)), (None, 28, 28, 1)),
        ("mse", np.zeros((0, 2)), (None, 2)),
        ("mse", np.full((4, 2), 3e38, "float32"), (None, 2)),
        ("hinge", IDS % 2, (None, 1)),
        (None, NAN, (None, 1)),
        (lambda y_true, y_pred: y_pred, NAN, (None, 1)),
    ],
)
def test_labels_that_fit_pass(loss, y, output):
    losses.check_labels(loss, y, output)
