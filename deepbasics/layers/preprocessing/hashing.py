"""Hashing: anything as one of so many ids, without a vocabulary."""

from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.errors import as_count, unknown
from deepbasics.layers.preprocessing.adapting import plain, texts
from deepbasics.layers.preprocessing.encoding import Categorical
from deepbasics.layers.preprocessing.fingerprints import bucket
from deepbasics.layers.preprocessing.vocabulary import key_of


class Hashing(Categorical):
    """Strings or integers as ids from 0 to `num_bins` - 1, by their fingerprint.

    Args:
        num_bins: the number of ids.
        mask_value: what has id 0; nothing else has it then.
        salt: one or two integers: SipHash with this key takes the place of FarmHash.
        output_mode: "int", "one_hot", "multi_hot" or "count", as `Categorical` says.

    The ids are those of Keras: the fingerprint is that of the string, or of an integer's digits;
    floats are cut to integers. Works outside of models.

    >>> Hashing(3)([["a"], ["b"]])
    array([[0],
           [1]])
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        dtype = kwargs.pop("dtype", None)
        integer = output_mode == "int"
        if integer and str(dtype) not in ("None", "int32", "int64"):
            raise unknown('dtype for output_mode="int"', dtype, ("int32", "int64"))
        super().__init__(dtype=None if integer else dtype, **kwargs)
        self.int_dtype = str(dtype) if integer and dtype else "int64"
        self.num_bins = as_count(f"{self.where}: num_bins", num_bins)
        self.mask_value, self.salt = mask_value, key_of(salt, self.where)
        self.set_mode(output_mode, sparse=sparse)

    @property
    def depth(self) -> int:
        """`num_bins`."""
        return self.num_bins

    def _prepare(self, inputs: Any) -> Any:
        array = np.asarray(plain(inputs))
        if array.dtype.kind in "iuf":
            return array.astype("int64")
        return texts(inputs, self.where)

    def _call_symbolically(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self.where} works outside of models: call it on the data before, and give the model "
            "what comes out."
        )

    def call(self, inputs: Any) -> Any:
        """The ids or their codes."""
        masked = self.mask_value is not None and self.num_bins > 1
        flat = inputs.ravel().tolist()
        bins = {t: masked + bucket(str(t).encode(), self.num_bins - masked, self.salt)
                for t in set(flat)}  # fmt: skip
        if masked:
            bins[self.mask_value] = 0
        ids = np.array([bins[t] for t in flat], "int64").reshape(inputs.shape)
        return self.encoded(ops.convert_to_tensor(ids))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        kind = {"dtype": self.int_dtype} if self.output_mode == "int" else {}
        return super().get_config() | kind
