import numpy as np
import pytest

from deepbasics.utils.numerical import normalize, to_categorical


def test_one_hot_rows_are_float64_and_as_wide_as_the_largest_id():
    rows = to_categorical([1, 0, 3])
    assert rows.dtype == "float64"
    np.testing.assert_array_equal(rows, np.eye(4)[[1, 0, 3]])


def test_a_last_axis_of_size_one_is_dropped():
    np.testing.assert_array_equal(to_categorical([[1], [0]], 3), np.eye(3)[[1, 0]])
    assert to_categorical([[[1]], [[0]]]).shape == (2, 1, 2)


def test_any_other_shape_is_kept():
    ids = np.array([[0, 1, 2], [2, 1, 0]])
    np.testing.assert_array_equal(to_categorical(ids), np.eye(3)[ids])


def test_whole_numbers_of_other_dtypes_are_ids():
    for x in ([1.0, 0.0], ["1", "0"], [True, False], np.uint8([1, 0])):
        np.testing.assert_array_equal(to_categorical(x), np.eye(2)[[1, 0]])


@pytest.mark.parametrize(
    ("x", "num_classes", "message"),
    [
        ([0, -1], None, "ids from -1 to 0"),
        ([0, 5], 3, "ids from 0 to 5; with num_classes=3"),
        ([0.5], None, "whole numbers"),
        (["cat", "dog"], None, "whole numbers.*'cat'"),
        ([np.nan], None, "whole numbers"),
        ([], None, "pass num_classes"),
    ],
)
def test_ids_that_make_no_sense_are_refused(x, num_classes, message):
    with pytest.raises(ValueError, match=message):
        to_categorical(x, num_classes)


def test_no_ids_with_a_given_width_make_no_rows():
    assert to_categorical([], 3).shape == (0, 3)


def test_rows_are_scaled_to_unit_length_and_zero_rows_stay_zero():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(normalize(x, axis=0, order=1), [[1, 1], [0, 0]])
