"""Blocks in threads: the same bits however many there are, and BLAS left as it was."""

import os

import numpy as np
import pytest

from deepbasics.backends.numpy import threads
from deepbasics.ops.call import call

needs_blas = pytest.mark.skipif(threads._blas_threads is None, reason="not with this BLAS")


@pytest.fixture
def blas():
    get, put = threads._blas_threads
    before = get()
    yield get, put
    put(before)


def _results():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 26, 26, 16)).astype("float32")
    k = rng.normal(size=(3, 3, 16, 32)).astype("float32")
    how = {"strides": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    y = call("conv", x, k, **how)
    pool = {"window": (2, 2), "strides": (2, 2), "padding": ((0, 0), (0, 0))}
    top = call("max_pool", y, **pool)
    return [
        y,
        call("conv_input_grad", y, k, spatial=(26, 26), **how),
        call("conv_kernel_grad", x, y, window=(3, 3), **how),
        top,
        call("max_pool_scatter", top, y, top, **pool),
        call("average_pool", y, **pool),
    ]


@needs_blas
@pytest.mark.parametrize("number", [2, 3, 5])
def test_results_are_the_same_bit_for_bit_with_any_number_of_threads(blas, number):
    get, put = blas
    put(1)
    alone = _results()
    put(number)
    together = _results()
    assert get() == number
    for a, b in zip(alone, together, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_part_is_done_once_and_an_error_comes_out(monkeypatch):
    monkeypatch.setattr(threads, "WORTH", 0)
    done = []
    threads.shared(done.append, range(100), 1.0)
    assert sorted(done) == list(range(100))

    def fail(part):
        if part == 7:
            raise ZeroDivisionError("part 7")

    with pytest.raises(ZeroDivisionError, match="part 7"):
        threads.shared(fail, range(20), 1.0)


@needs_blas
def test_blas_has_its_threads_back_after_an_error_and_within_another_call(blas, monkeypatch):
    get, put = blas
    monkeypatch.setattr(threads, "WORTH", 0)
    put(2)
    inside = []

    def work(_):
        inside.append(get())
        threads.shared(lambda _: inside.append(get()), range(2), 1.0)
        raise KeyError

    with pytest.raises(KeyError):
        threads.shared(work, range(2), 1.0)
    assert set(inside) == {1}
    assert get() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own(monkeypatch):
    monkeypatch.setattr(threads, "WORTH", 0)
    threads.shared(lambda _: None, range(4), 1.0)
    child = os.fork()
    if child == 0:
        done = []
        threads.shared(done.append, range(4), 1.0)
        os._exit(0 if sorted(done) == [0, 1, 2, 3] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
