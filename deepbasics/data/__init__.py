"""What `fit`, `evaluate` and `predict` accept, turned into batches."""

from deepbasics.data.arrays import as_arrays, check_lengths, split_validation
from deepbasics.data.sources import (
    ArraySource,
    BatchSource,
    PyDataset,
    Sequence,
    Source,
    capped,
    is_batches,
)

__all__ = [
    "ArraySource",
    "BatchSource",
    "PyDataset",
    "Sequence",
    "Source",
    "as_arrays",
    "capped",
    "check_lengths",
    "is_batches",
    "split_validation",
]
