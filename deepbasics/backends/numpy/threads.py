"""Work shared out to threads, where each does products of matrices on its own.

BLAS spreads one product over its threads; what lies between products then runs on one core, and
blocks go from the cache of one core to that of another. A kernel that works block by block is
faster with a block per thread and BLAS held to one thread each. As many threads are used as BLAS
would use (`OMP_NUM_THREADS`, `OPENBLAS_NUM_THREADS`); with a BLAS that cannot be told, one.

A kernel's result must not depend on their number: who adds up, adds up parts whose number is fixed.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

WORTH = 1 << 24  # floating-point operations below which threads cost more than they bring
_pool: Any = None
_lock = threading.Lock()
_here = threading.local()
_inside = 0  # how many calls of `shared` are in progress
_threads_before = 1


def shared(work: Callable[[Any], None], parts: Sequence[Any], operations: float) -> None:
    """Call `work` on each part, in threads if there are parts and `operations` enough.

    `work` is called once for each part, in any order; an error in one is raised here.
    """
    few = len(parts) < 2 or operations < WORTH
    if few or _blas_threads is None or getattr(_here, "is_worker", False):
        for part in parts:
            work(part)
        return
    with _single_threaded_blas() as workers:
        if workers == 1:
            for part in parts:
                work(part)
            return
        queue = iter(parts)

        def worker(_: int) -> None:
            _here.is_worker = True  # what it shares out in turn, it does itself
            while True:
                with _lock:
                    part = next(queue, None)
                if part is None:
                    return
                work(part)

        list(_executor(workers).map(worker, range(min(workers, len(parts)))))


@contextmanager
def _single_threaded_blas() -> Iterator[int]:
    """For the block, BLAS uses one thread; gives the number that it used before."""
    global _inside, _threads_before
    get, put = _blas_threads
    with _lock:
        if _inside == 0:
            _threads_before = get()
        _inside += 1
        workers = _threads_before
        put(1)
    try:
        yield workers
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                put(_threads_before)


def _executor(workers: int) -> Any:
    from concurrent.futures import ThreadPoolExecutor  # slow to import

    global _pool
    if _pool is None or _pool._max_workers < workers:
        _pool = ThreadPoolExecutor(workers, "deepbasics")
    return _pool


def _forget() -> None:
    """In a forked child: the threads of the parent are not there."""
    global _pool, _inside, _lock
    _pool, _inside, _lock = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _find_blas_threads() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """OpenBLAS' functions that get and set its number of threads; None with another BLAS."""
    try:
        library = ctypes.CDLL((getattr(np, "_core", None) or np.core)._multiarray_umath.__file__)
    except (AttributeError, OSError):
        return None
    for prefix, suffix in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
        try:
            get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}")
            put = getattr(library, f"{prefix}openblas_set_num_threads{suffix}")
        except AttributeError:
            continue
        return get, put
    return None


_blas_threads = _find_blas_threads()
