"""What becomes an array, and what is refused."""

import numpy as np
import pytest

from deepbasics.data import as_arrays, check_lengths, split_validation


@pytest.mark.parametrize(
    ("given", "shape", "kind"),
    [
        ([1, 2, 3], (3,), "i"),
        ([[1.5], [2]], (2, 1), "f"),
        ([True, False], (2,), "b"),
        ([10**25, 1], (2,), "f"),
        (np.array([1, "2"], dtype=object), (2,), "f"),
        (range(4), (4,), "i"),
        (np.zeros((0, 3)), (0, 3), "f"),
    ],
    ids=str,
)
def test_numbers_in_any_form_become_an_array(given, shape, kind):
    array = as_arrays(given, "x")
    assert array.shape == shape
    assert array.dtype.kind == kind


def test_lists_and_dicts_of_arrays_stay_nests():
    nest = as_arrays([np.zeros(3), np.zeros((3, 2))], "x")
    assert [a.shape for a in nest] == [(3,), (3, 2)]
    assert as_arrays({"a": [1, 2]}, "x")["a"].shape == (2,)


def test_a_bad_array_in_a_nest_is_named():
    with pytest.raises(ValueError, match=r"x\['town'\] has dtype <U1"):
        as_arrays({"age": [1.0], "town": ["x"]}, "x")
    with pytest.raises(ValueError, match=r"x\[1\] misses 1 of its 2 values"):
        as_arrays([np.zeros(2), np.array([1, None], dtype=object)], "x")


def test_frames_of_numbers_and_bools_become_floats():
    pandas = pytest.importorskip("pandas", reason="pandas is an extra")
    frame = pandas.DataFrame({"a": [1, 2], "b": [True, False], "c": [0.5, 1.5]})
    np.testing.assert_array_equal(as_arrays(frame, "x"), [[1, 1, 0.5], [2, 0, 1.5]])


def test_lengths_must_agree_and_be_something():
    assert check_lengths(x=np.zeros((3, 2)), y=[np.zeros(3), None], w=None) == 3
    with pytest.raises(ValueError, match=r"The arrays in x differ.*\(3,\), \(2,\)"):
        check_lengths(x=[np.zeros(3), np.zeros(2)])
    with pytest.raises(ValueError, match="no rows in x, y"):
        check_lengths(x=np.zeros(0), y=np.zeros(0))


@pytest.mark.parametrize(
    ("rows", "split", "kept"), [(10, 0.25, 7), (10, 0.1, 9), (3, 0.5, 1), (768, 0.33, 514)]
)
def test_the_last_rows_are_for_validation(rows, split, kept):
    parts = (np.arange(rows), np.arange(rows) * 2, None)
    (x, y, w), (x_rest, y_rest, w_rest) = split_validation(parts, split)
    np.testing.assert_array_equal(x, np.arange(kept))
    np.testing.assert_array_equal(y, np.arange(kept) * 2)
    np.testing.assert_array_equal(np.concatenate([x, x_rest]), parts[0])
    assert len(y_rest) == rows - kept
    assert w is w_rest is None
