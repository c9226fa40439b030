"""Batches: orders, passes, limits, what is told to whom."""

import numpy as np
import pytest

from deepbasics.data import ArraySource, BatchSource, PyDataset, is_batches

KEY = (5, 1)


def epoch(source, index=0):
    """The first tensors of an epoch's batches, as lists."""
    return [np.asarray(tensors[0]).tolist() for _, tensors in source.epoch(index)]


def plain(x, y=None, w=None):
    return np.asarray(x), y, w


def rows(n=10):
    return (np.arange(n), None, None)


def test_batches_keep_the_order_and_the_last_is_smaller(backend):
    source = ArraySource(rows(), batch_size=4)
    assert source.steps == 3
    assert epoch(source) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [n for n, _ in source.epoch(0)] == [4, 4, 2]


def test_x_y_and_weights_are_shuffled_alike(backend):
    parts = (np.arange(10), np.arange(10) * 2, np.arange(10) * 3.0)
    for _, (x, y, w) in ArraySource(parts, 3, shuffle=True, key=KEY).epoch(1):
        x, y, w = (backend.numpy(t) for t in (x, y, w))
        np.testing.assert_array_equal(y, x * 2)
        np.testing.assert_array_equal(w, x * 3)


def test_an_epoch_has_its_own_order_which_is_the_same_again(backend):
    source = ArraySource(rows(50), 50, shuffle=True, key=KEY)
    first, second = epoch(source, 0)[0], epoch(source, 1)[0]
    assert first != second
    assert sorted(first) == sorted(second) == list(range(50))
    assert epoch(source, 0)[0] == first
    assert epoch(ArraySource(rows(50), 50, shuffle=True, key=(6, 1)), 0)[0] != first


def test_both_backends_have_the_same_order():
    import deepbasics as db
    from deepbasics.backends import registry

    orders = []
    for name in registry.available():
        with db.use_backend(name):
            orders.append(epoch(ArraySource(rows(50), 7, shuffle=True, key=KEY), 2))
    assert all(order == orders[0] for order in orders)


def test_shuffling_in_batches_keeps_rows_in_their_batch(backend):
    found = epoch(ArraySource(rows(10), 4, shuffle="batch", key=KEY))
    assert [sorted(batch) for batch in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert found != epoch(ArraySource(rows(10), 4))


def test_missing_parts_come_as_none(backend):
    source = ArraySource((np.arange(4), None, [None, np.ones(4)]), 2)
    for _, (x, y, first, second) in source.epoch(0):
        assert y is first is None
        assert x.shape == second.shape == (2,)


@pytest.mark.filterwarnings("ignore:.*ran out")
def test_epochs_of_some_batches_go_on_and_start_again(backend):
    source = ArraySource(rows(5), 1, limit=2)
    assert source.steps == 2
    assert [epoch(source, i) for i in range(4)] == [[[0], [1]], [[2], [3]], [[4]], [[0], [1]]]


class Numbers(PyDataset):
    def __init__(self, n=4):
        super().__init__()
        self.n, self.told = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return ([index],)

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


def test_a_data_set_by_index_gives_its_batches_in_any_order(backend):
    data = Numbers()
    source = BatchSource(data, plain)
    assert source.steps == 4
    assert epoch(source) == [[0], [1], [2], [3]]
    assert data.told == ["begin", "end"]
    shuffled = BatchSource(Numbers(30), plain, shuffle=True, key=KEY)
    assert epoch(shuffled, 0) != epoch(shuffled, 1)
    assert sorted(epoch(shuffled, 0)) == [[i] for i in range(30)]


@pytest.mark.filterwarnings("ignore:.*ran out")
def test_limits_go_on_through_a_data_set_by_index(backend):
    source = BatchSource(Numbers(5), plain, limit=2)
    assert [epoch(source, i) for i in range(4)] == [[[0], [1]], [[2], [3]], [[4]], [[0], [1]]]


def test_a_generator_goes_on_where_it_was(backend):
    source = BatchSource(iter([([i],) for i in range(5)]), plain, limit=2)
    assert epoch(source, 0) == [[0], [1]]
    assert epoch(source, 1) == [[2], [3]]
    with pytest.warns(UserWarning, match="ran out after 1 of 2"):
        assert epoch(source, 2) == [[4]]


def test_an_iterable_starts_again_each_epoch(backend):
    class Loader:
        started = 0

        def __iter__(self):
            self.started += 1
            return iter([([i],) for i in range(3)])

        def __len__(self):
            return 3

    data = Loader()
    source = BatchSource(data, plain)
    assert epoch(source, 0) == epoch(source, 0) == [[0], [1], [2]]
    assert data.started == 2


def test_a_data_set_without_a_length_says_what_is_missing(backend):
    class Half(PyDataset):
        def __getitem__(self, index):
            return ([0],)

    with pytest.raises(TypeError, match="must define __len__"):
        BatchSource(Half(), plain)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.zeros(3), False),
        ([1, 2], False),
        ({"a": 1}, False),
        ("text", False),
        (None, False),
        (iter([]), True),
        (zip([1], [2], strict=True), True),
        (Numbers(), True),
    ],
    ids=["array", "list", "dict", "text", "none", "iterator", "zip", "data set"],
)
def test_what_yields_batches_and_what_is_data(x, expected):
    assert is_batches(x) is expected
