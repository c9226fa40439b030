"""Each backend but the reference; hypothesis draws the same examples in every run."""

import pytest
from hypothesis import HealthCheck, settings

from deepbasics.backends import registry
from deepbasics.testing import REFERENCE

OTHERS = [name for name in registry.available() if name != REFERENCE]

settings.register_profile(
    "parity",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("parity")


@pytest.fixture(
    params=OTHERS
    or [pytest.param(None, marks=pytest.mark.skip("no backend beside the reference: torch"))]
)
def other(request):
    """The name of each installed backend that must agree with the reference."""
    return request.param
