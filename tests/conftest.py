"""What every test gets: each backend in turn, one seed, and settings that stay as they were."""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from deepbasics import config, dtype_policies, legacy, random
from deepbasics.backends import registry
from deepbasics.backends.protocol import Backend

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background has them, and their children, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=registry.available())
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each installed backend in turn, active for the test."""
    with registry.use_backend(request.param, "cpu") as active:
        yield active


def _settings() -> dict[str, Any]:
    """Everything global that a test might change and forget."""
    settings = {
        "floatx": config.floatx(),
        "epsilon": config.epsilon(),
        "image_data_format": config.image_data_format(),
        "dtype_policy": list(dtype_policies._global),
        "tf32": config.tf32(),
        "backend": registry.active(),
        "numpy.geterr": np.geterr(),
        "environment": {k: v for k, v in os.environ.items() if k.startswith("DEEPBASICS_")},
    }
    if torch := sys.modules.get("torch"):
        settings |= {
            "torch.get_default_dtype": torch.get_default_dtype(),
            "torch.is_grad_enabled": torch.is_grad_enabled(),
            "torch.are_deterministic_algorithms_enabled": (
                torch.are_deterministic_algorithms_enabled()
            ),
        }
    return settings


def _restore(settings: dict[str, Any]) -> None:
    config.set_floatx(settings["floatx"])
    config.set_epsilon(settings["epsilon"])
    config.set_image_data_format(settings["image_data_format"])
    dtype_policies._global[:] = settings["dtype_policy"]
    config.set_tf32(settings["tf32"])
    registry.set_backend(settings["backend"])
    np.seterr(**settings["numpy.geterr"])
    for name in [k for k in os.environ if k.startswith("DEEPBASICS_")]:
        del os.environ[name]
    os.environ.update(settings["environment"])
    if "torch.get_default_dtype" in settings:
        torch = sys.modules["torch"]
        torch.set_default_dtype(settings["torch.get_default_dtype"])
        torch.set_grad_enabled(settings["torch.is_grad_enabled"])
        torch.use_deterministic_algorithms(settings["torch.are_deterministic_algorithms_enabled"])


@pytest.fixture(autouse=True)
def _settings_are_left_as_found() -> Iterator[None]:
    """Fail a test that leaves a setting changed, and spare the next one the consequences."""
    random.set_random_seed(0)
    legacy._warned.clear()  # each old spelling warns once in a process: whoever tests first
    before = _settings()
    yield
    after = _settings()
    changed = {name: after[name] for name in before if after[name] != before[name]}
    if changed:
        _restore(before)
        pytest.fail(f"the test leaves settings changed: {changed}")
