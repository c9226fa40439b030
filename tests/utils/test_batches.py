"""Data in two parts, and windows over a series."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics.utils import split_dataset, timeseries_dataset_from_array

ROWS = np.arange(10)


def test_a_nest_is_split_in_the_same_places():
    nest = {"x": [ROWS, ROWS * 2], "y": ROWS * 3}
    for how in ({}, {"shuffle": True, "seed": 3}):
        left, right = split_dataset(nest, 0.7, **how)
        for part, n in ((left, 7), (right, 3)):
            assert len(part["y"]) == n
            np.testing.assert_array_equal(part["x"][1], part["x"][0] * 2)
            np.testing.assert_array_equal(part["y"], part["x"][0] * 3)
        assert sorted([*left["x"][0], *right["x"][0]]) == list(ROWS)
    assert [list(part) for part in split_dataset(ROWS, 2, 3)] == [[0, 1], [7, 8, 9]]


def test_shuffling_follows_the_seed():
    first, again, other = (split_dataset(ROWS, 5, shuffle=True, seed=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first, ROWS[:5])


class Batches(db.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return np.full((2, 3), index, "float32"), np.ones((2, 1))


def test_batches_are_split_and_trained_on(backend):
    left, right = split_dataset(Batches(), left_size=3)
    assert [batch[0][0, 0] for batch in (left[0], left[2], right[0])] == [0, 2, 3]
    model = db.Sequential([db.Input((3,)), db.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(left, validation_data=right, epochs=2, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()


@pytest.mark.parametrize(
    ("data", "sizes", "said"),
    [
        (ROWS, (None, None), "needs left_size, right_size or both"),
        (ROWS, (1.5, None), r"a fraction in \(0, 1\) or a count; got 1.5"),
        (ROWS, (0, None), "left_size must be a positive integer; got 0"),
        (ROWS, (10, None), "10 rows by left_size=10, right_size=None: they make 10 and 0"),
        (ROWS, (0.6, 0.6), "they make 6 and 6"),
        ([ROWS, ROWS[1:]], (3, None), r"as many rows; got \[9, 10\]"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(data, sizes, said):
    with pytest.raises(ValueError, match=said):
        split_dataset(data, *sizes)


def test_windows_are_trained_on(backend):
    series = np.sin(np.arange(200) / 5).astype("float32")[:, None]
    windows = timeseries_dataset_from_array(series[:-1], series[8:], 8, batch_size=16, shuffle=True)
    model = db.Sequential([db.Input((8, 1)), db.layers.Flatten(), db.layers.Dense(1)])
    model.compile(db.optimizers.Adam(0.02), "mse")
    history = model.fit(windows, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.02 < history[0]


def test_windows_come_in_the_order_of_the_seed():
    def starts(**how):
        data = timeseries_dataset_from_array(ROWS, ROWS, 3, batch_size=3, shuffle=True, **how)
        return [int(y) for _, batch in data for y in batch]

    assert starts(seed=1) == starts(seed=1) != starts(seed=2)
    assert sorted(starts()) == list(range(8))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"sequence_length": 11}, "10 rows are too few for a window of 11, 1 rows apart"),
        ({"sequence_length": 4, "sampling_rate": 4}, "too few for a window of 4, 4 rows"),
        ({"sequence_length": 0}, "sequence_length must be a positive integer; got 0"),
        ({"sequence_length": 2, "sequence_stride": 0}, "sequence_stride must be"),
        ({"sequence_length": 2, "start_index": 8, "end_index": 4}, "got 8 to 4"),
        ({"sequence_length": 2, "end_index": 11}, "of 10; got 0 to 11"),
    ],
)
def test_windows_that_do_not_fit_are_refused(how, said):
    with pytest.raises(ValueError, match=said):
        timeseries_dataset_from_array(ROWS, None, **how)
