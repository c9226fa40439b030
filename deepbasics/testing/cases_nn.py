"""Rows of the table for rarer activations, crossentropies, sequences and blocks."""

import numpy as np

from deepbasics import ops
from deepbasics.testing.case import Case, Draw
from deepbasics.testing.derived import MATRIX, WIDE
from deepbasics.testing.derived import row as op

CHANCES, FLAGS = Draw("n m", low=0.1, high=0.9), Draw("n m", kind="int", low=0, high=2)
SHARES, IDS = Draw("n m", kind="probability", grad=False), Draw("n", kind="ids", below="m")
LOGITS = Draw("a m k")  # two samples of five steps, four classes
TARGETS = np.array([[1, 2, 0], [3, 3, 2]])
LENGTHS = np.array([2, 2]), np.array([5, 4])
SCORES = Draw("n m", -6, 6)

DERIVED = [
    op("threshold", WIDE, threshold=0.3, default_value=-2.0),
    op("hard_shrink", WIDE),
    op("soft_shrink", WIDE),
    op("tanh_shrink", WIDE),
    op("squareplus", WIDE),
    op("sparse_plus", WIDE),
    op("sparse_sigmoid", WIDE),
    op("sparsemax", MATRIX, kind="reduction"),
    op("sparsemax", MATRIX, kind="reduction", label="first", axis=0),
    op("normalize", MATRIX, kind="reduction"),
    op("normalize", MATRIX, kind="reduction", label="order", order=1, axis=0),
    op("psnr", MATRIX, Draw("n m", low=3, high=4), kind="reduction", max_val=2.0),
    op("multi_hot", Draw("n a", kind="ids", below="m"), kind="exact", num_classes=5),
    op("multi_hot", Draw("n", kind="ids", below="m"), kind="exact", label="row", num_classes=6),
    op("binary_crossentropy", FLAGS, CHANCES),
    op("binary_crossentropy", FLAGS, SCORES, label="logits",
       from_logits=True),
    op("categorical_crossentropy", SHARES, CHANCES, kind="reduction"),
    op("categorical_crossentropy", SHARES, SCORES, kind="reduction", label="logits",
       from_logits=True, axis=0),
    op("sparse_categorical_crossentropy", IDS, CHANCES, kind="reduction"),
    op("sparse_categorical_crossentropy", Draw("m", kind="ids", below="n"), SCORES,
       kind="reduction", label="logits", from_logits=True, axis=0),
    # torch's second derivative of logaddexp is NaN where the arguments are 1e30 apart
    Case("ctc_loss", (LOGITS,), lambda x: ops.ctc_loss(TARGETS, x, *LENGTHS), {}, "reduction",
         smooth=False),
    op("ctc_decode", LOGITS, kind="reduction", sequence_lengths=np.array([5, 3])),
    op("ctc_decode", Draw("a m k", grad=False), kind="reduction", label="beams",
       sequence_lengths=np.array([5, 3]), strategy="beam_search", top_paths=3),
    op("depth_to_space", Draw("a n m k"), kind="exact", block_size=2),
    op("depth_to_space", Draw("a k n m"), kind="exact", label="first", block_size=2,
       data_format="channels_first"),
    op("space_to_depth", Draw("n k a m"), kind="exact", block_size=2),
    op("space_to_depth", Draw("n m k a"), kind="exact", label="first", block_size=2,
       data_format="channels_first"),
    op("extract_sequences", Draw("n m"), kind="exact", sequence_length=3, sequence_stride=2),
    op("unfold", Draw("n a m k"), kind="exact", kernel_size=(2, 3), padding=1, stride=(2, 1)),
    op("fold", Draw("n k k"), kind="reduction", output_size=(3, 3), kernel_size=2),
]  # fmt: skip
