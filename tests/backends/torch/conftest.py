"""Tests of the torch backend alone."""

import pytest

from deepbasics.backends import registry

pytest.importorskip("torch", reason="these are tests of the torch backend")


@pytest.fixture(autouse=True)
def _on_torch():
    with registry.use_backend("torch", "cpu"):
        yield
