"""The bits computed by torch are those of the host."""

import numpy as np
import pytest

from deepbasics.philox import bits32_kernel

torch = pytest.importorskip("torch", reason="the torch backend needs torch")
from deepbasics.backends.torch import philox  # noqa: E402 - only where there is torch

WORD = 2**64 - 1
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
pytestmark = pytest.mark.parametrize("device", DEVICES)


@pytest.mark.parametrize("key", [(0, 0), (WORD, WORD), (2**63, 5), (0x452821E638D01377, 1 << 40)])
@pytest.mark.parametrize("counter", [0, 1, 2**31 - 1, 2**32 - 1, 2**32 + 7, 2**62 + 11])
def test_bits_are_those_of_the_host_for_any_key_and_counter(device, key, counter):
    expected = bits32_kernel(counter, key, (5, 33))
    for given in (counter, torch.tensor(counter, device=device)):
        drawn = philox.bits32(given, key, (5, 33), device)
        assert drawn.dtype == torch.int64
        np.testing.assert_array_equal(drawn.cpu().numpy(), expected)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (8,), (9,), (0,), (3, 0), (2, 3, 4), (70_001,)])
def test_bits_are_those_of_the_host_for_any_shape(device, shape):
    drawn = philox.bits32(12, (3, 4), shape, device).cpu().numpy()
    assert drawn.shape == shape
    np.testing.assert_array_equal(drawn, bits32_kernel(12, (3, 4), shape))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_a_captured_draw_follows_the_counter(device):
    if device == "cpu":
        pytest.skip("CUDA graphs need a GPU")
    counter = torch.zeros((), dtype=torch.int64, device=device)
    philox.bits32(counter, (3, 4), (100,), device)  # warm up outside the capture
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        drawn = philox.bits32(counter, (3, 4), (100,), device)
        counter += 13
    for i in range(3):
        graph.replay()
        np.testing.assert_array_equal(drawn.cpu().numpy(), bits32_kernel(13 * i, (3, 4), (100,)))
