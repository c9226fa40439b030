import numpy as np
import pytest

from deepbasics.utils import pad_sequences

SEQUENCES = [[1], [2, 3], [4, 5, 6], []]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]),
        ({"padding": "post"}, [[1, 0, 0], [2, 3, 0], [4, 5, 6], [0, 0, 0]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [4, 5], [0, 0]]),
        ({"maxlen": 4, "value": -1}, [[-1, -1, -1, 1], [-1, -1, 2, 3], [-1, 4, 5, 6], [-1] * 4]),
        ({"maxlen": 0}, [[], [], [], []]),
    ],
)
def test_sequences_are_cut_and_filled_at_the_side_asked_for(options, expected):
    padded = pad_sequences(SEQUENCES, **options)
    assert padded.dtype == "int32"
    np.testing.assert_array_equal(padded, expected)


def test_steps_may_be_arrays():
    padded = pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], dtype="float32")
    np.testing.assert_array_equal(padded, [[[0, 0], [1, 2]], [[3, 4], [5, 6]]])


def test_strings_need_the_object_dtype():
    padded = pad_sequences([["a"], ["b", "c"]], dtype=object, value="-")
    assert padded.tolist() == [["-", "a"], ["b", "c"]]
    with pytest.raises(ValueError, match="pass dtype=object"):
        pad_sequences([["a"]], value="-")


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        ([[1], 2], {}, "item 1 is 2"),
        ([[[1, 2]], [[3]]], {}, r"shape \(1,\) in sequence 1"),
        ([[1]], {"padding": "left"}, "padding='left'"),
        ([[1]], {"truncating": "right"}, "truncating='right'"),
    ],
)
def test_bad_arguments_are_named(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        pad_sequences(sequences, **options)
