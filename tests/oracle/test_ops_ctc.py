"""CTC against PyTorch: the loss, its gradient, and what does not fit; decoding against Keras."""

import numpy as np
import pytest

from deepbasics import ops

torch = pytest.importorskip("torch", reason="the oracle is PyTorch")
pytestmark = pytest.mark.usefixtures("backend")

RNG = np.random.default_rng(8)
BATCH, STEPS, CLASSES, LONGEST = 6, 9, 5, 4
LOGITS = RNG.normal(size=(BATCH, STEPS, CLASSES))
TARGETS = RNG.integers(1, CLASSES, (BATCH, LONGEST))
TARGETS[1] = 2  # repeats need a blank between them
LENGTHS, ENDS = np.array([9, 9, 7, 9, 5, 8]), np.array([4, 4, 3, 0, 2, 1])


def _theirs(logits, blank=0, targets=TARGETS, lengths=LENGTHS, ends=ENDS):
    x = torch.tensor(logits, requires_grad=True)
    scores = torch.log_softmax(x, -1).transpose(0, 1)
    given = (torch.tensor(targets), torch.tensor(lengths), torch.tensor(ends))
    losses = torch.nn.functional.ctc_loss(scores, *given, blank=blank, reduction="none")
    losses[torch.isfinite(losses)].sum().backward()
    return losses.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize("blank", [0, 4])
def test_the_loss_and_its_gradient(blank):
    targets = TARGETS if blank == 0 else TARGETS - 1
    losses, gradient = _theirs(LOGITS, blank, targets)

    def ours(x):
        return ops.ctc_loss(targets, x, ENDS, LENGTHS, mask_index=blank)

    np.testing.assert_allclose(ops.convert_to_numpy(ours(LOGITS)), losses, rtol=1e-10)
    found = ops.convert_to_numpy(ops.grad(lambda x: ops.sum(ours(x)))(LOGITS))
    np.testing.assert_allclose(found, gradient, atol=1e-10)


def test_labels_that_do_not_fit_cost_infinitely_much_and_have_no_gradient():
    lengths = np.array([9, 6, 7, 9, 5, 8])  # four times the same label takes seven steps

    def ours(x):
        return ops.ctc_loss(TARGETS, x, ENDS, lengths)

    losses = ops.convert_to_numpy(ours(LOGITS))
    assert np.isinf(losses[1])
    np.testing.assert_allclose(losses, _theirs(LOGITS, lengths=lengths)[0], rtol=1e-10)
    gradient = ops.grad(lambda x: ops.sum(ops.where(ops.isfinite(ours(x)), ours(x), 0.0)))(LOGITS)
    assert np.all(np.isfinite(ops.convert_to_numpy(gradient)))
    assert not ops.convert_to_numpy(gradient)[1].any()


def test_beam_search_finds_the_likeliest_labels():
    """Of all label sequences: the loss of each one is its log probability."""
    logits = RNG.normal(size=(1, 4, 3))
    ids, scores = ops.ctc_decode(logits, [4], "beam_search", beam_width=50, top_paths=5)
    ids, scores = ops.convert_to_numpy(ids)[:, 0], ops.convert_to_numpy(scores)[0]
    assert np.all(np.diff(scores) <= 0)
    for labels, score in zip(ids, scores, strict=True):
        n = int((labels >= 0).sum())
        target = np.maximum(labels, 0)[None]
        loss = ops.ctc_loss(target, logits, np.array([n]), np.array([4]))
        assert float(loss[0]) == pytest.approx(-score, rel=1e-9)
    assert len({tuple(row) for row in ids}) == 5


def test_greedy_decoding_merges_repeats_and_drops_blanks():
    best = np.array([[1, 1, 0, 1, 2, 2, 0, 0], [3, 3, 3, 0, 0, 3, 1, 1]])
    scores = np.eye(4)[best]
    ids, total = ops.ctc_decode(scores, np.array([8, 6]))
    assert ops.convert_to_numpy(ids).tolist() == [
        [[1, 1, 2, -1, -1, -1, -1, -1], [3, 3, -1, -1, -1, -1, -1, -1]]
    ]
    assert ops.convert_to_numpy(total).tolist() == [[-8.0], [-6.0]]
    ids, _ = ops.ctc_decode(scores, np.array([8, 6]), merge_repeated=False)
    assert ops.convert_to_numpy(ids)[0, 0].tolist() == [1, 1, 1, 2, 2, -1, -1, -1]
