"""Names to backends, what each owes, and that none is loaded unasked."""

import contextlib
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

from deepbasics import ops
from deepbasics.backends import registry
from deepbasics.backends.protocol import Backend
from deepbasics.errors import BackendUnavailable


def methods(cls):
    return {n for n, v in vars(cls).items() if callable(v) or isinstance(v, staticmethod)}


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )


@pytest.fixture
def environment():
    """The environment of a new process, without settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith("DEEPBASICS_")}


def test_a_backend_has_all_that_the_protocol_names(backend):
    owed = {n for n in methods(Backend) if not n.startswith("_")}
    assert owed <= {n for n in dir(backend) if callable(getattr(backend, n))}
    assert backend.name in registry.names()
    assert backend.device in backend.devices()
    for name in owed:
        want = list(inspect.signature(getattr(Backend, name)).parameters)
        got = list(inspect.signature(getattr(type(backend), name)).parameters)
        assert [p for p in want if p != "self"] == [p for p in got if p != "self"], name


def test_an_unknown_backend_is_named_with_the_nearest():
    with pytest.raises(ValueError, match=r"numpyy.*numpy"):
        registry.get("numpyy")


def test_use_backend_is_undone_after_an_error():
    before = registry.active()
    for name in registry.available():
        with contextlib.suppress(KeyError), registry.use_backend(name):
            assert registry.active().name == name
            raise KeyError
        assert registry.active() is before


def test_use_backend_without_with_warns_that_it_does_nothing():
    before = registry.active()
    with pytest.warns(RuntimeWarning, match=r"had no effect: write `with use_backend\(\"numpy\"\)"):
        registry.use_backend("numpy")
    assert registry.active() is before
    with pytest.raises(ValueError, match="Did you mean 'numpy'"):
        registry.use_backend("nunpy")  # and no second word about it


def test_a_block_gives_its_backend_and_may_lie_in_another():
    outer = registry.active()
    for name in registry.available():
        with registry.use_backend(name) as backend:
            assert backend is registry.active() is registry.get(name)
            with registry.use_backend("numpy"):
                assert registry.active().name == "numpy"
            assert registry.active() is backend
    assert registry.active() is outer


def test_a_backend_is_one_object():
    for name in registry.available():
        assert registry.get(name) is registry.get(name)
        assert registry.get(registry.get(name)) is registry.get(name)


def test_numpy_runs_on_the_cpu_alone():
    with pytest.raises(BackendUnavailable, match="DEEPBASICS_BACKEND=torch"):
        registry.get("numpy", "cuda")


def test_the_environment_chooses(environment):
    code = "from deepbasics.backends import registry; print(registry.active().name)"
    for name in registry.available():
        run = python(code, **environment, DEEPBASICS_BACKEND=name)
        assert run.stdout.strip() == name, run.stderr


def test_numpy_never_imports_torch(environment):
    code = (
        "import sys, numpy as np, deepbasics; from deepbasics.layers import Dense; "
        "from deepbasics.models import Sequential; m = Sequential([Dense(1, input_shape=(2,))]); "
        "m.compile('sgd', 'mse'); m.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0); "
        "print('torch' in sys.modules)"
    )
    run = python(code, **environment)
    assert run.stdout.strip() == "False", run.stderr


def test_a_missing_library_is_one_line_that_names_the_extra(environment):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from deepbasics.backends import registry\n"
        "from deepbasics.errors import BackendUnavailable\n"
        "try: registry.get('torch')\n"
        "except BackendUnavailable as e: print(e)"
    )
    run = python(code, **environment)
    assert 'pip install "deepbasics[torch]"' in run.stdout, run.stderr
    assert run.stdout.count("\n") == 1


def test_a_tensor_of_anything_goes_back_as_it_was(backend):
    for value in (np.arange(6.0).reshape(2, 3), np.arange(3)[::-1], np.float64(2.5), True):
        tensor = ops.convert_to_tensor(value)
        assert backend.is_tensor(tensor)
        np.testing.assert_array_equal(ops.convert_to_numpy(tensor), value)


def test_strings_and_ragged_lists_are_no_tensors(backend):
    for value in (["a"], np.array(["a"]), [[1.0], [1.0, 2.0]], np.array([None])):
        with pytest.raises(TypeError, match="Cannot make a tensor"):
            ops.convert_to_tensor(value)


def test_a_frozen_array_is_not_written_to(backend):
    x = np.ones(3)
    x.flags.writeable = False
    y = ops.add(ops.convert_to_tensor(x), 1.0)
    np.testing.assert_array_equal(ops.convert_to_numpy(y), [2.0, 2.0, 2.0])
