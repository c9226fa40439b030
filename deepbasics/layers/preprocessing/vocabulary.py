"""Tokens as ids by a vocabulary that is given or learned: StringLookup, IntegerLookup.

Ids begin with that of the mask token, if there is one and ids are the result, then come
`num_oov_indices` for what is out of the vocabulary, then the vocabulary.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.backends import registry
from deepbasics.errors import as_count, unknown
from deepbasics.layers.preprocessing.adapting import batches, numbers, plain, texts
from deepbasics.layers.preprocessing.encoding import MODES, Categorical
from deepbasics.layers.preprocessing.fingerprints import bucket
from deepbasics.layers.preprocessing.written_vocabulary import Written


class _Vocabulary:
    """Tokens without the special ones, their ids, and the weights of all ids for tf-idf."""

    def __init__(self, tokens: Sequence[Any], start: int, idf: np.ndarray | None) -> None:
        self.tokens, self.idf = list(tokens), idf
        self.ids = {token: start + i for i, token in enumerate(self.tokens)}
        if tokens and isinstance(tokens[0], int):
            keys = np.array(self.tokens, "int64")
            order = np.argsort(keys)
            self.keys, self.places = keys[order], order + start


class _Lookup(Written, Categorical):
    """What the two lookups share; they differ in what a token is."""

    def set_up(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        sparse: bool,
        salt: Any,
        given: bool | None,
    ) -> None:
        """Keep and check the settings."""
        self.set_mode(output_mode, (*MODES, "tf_idf"), sparse)
        self.max_tokens = as_count(f"{self.where}: max_tokens", max_tokens, None, least=2)
        self.num_oov_indices = as_count(f"{self.where}: num_oov_indices", num_oov_indices, least=0)
        self.mask_token, self.oov_token, self.invert = mask_token, oov_token, bool(invert)
        self.pad_to_max_tokens, self.salt = bool(pad_to_max_tokens), key_of(salt, self.where)
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{self.where}: pad_to_max_tokens=True needs max_tokens.")
        if invert and self.output_mode != "int":
            raise ValueError(
                f'{self.where}: invert=True needs output_mode="int"; got {output_mode!r}.'
            )
        self._vocabulary: _Vocabulary | None = None
        self.has_input_vocabulary = vocabulary is not None if given is None else given
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
        elif idf_weights is not None:
            raise ValueError(f"{self.where}: idf_weights need the vocabulary that they belong to.")

    # what a token is ------------------------------------------------------------------------------

    def tokens(self, data: Any) -> np.ndarray:
        """Data as an array of tokens."""
        raise NotImplementedError

    def hashed(self, tokens: Iterable[Any]) -> list[int]:
        """A number below `num_oov_indices` for each token out of the vocabulary."""
        encoding = getattr(self, "encoding", "utf-8")
        return [bucket(str(t).encode(encoding), self.num_oov_indices, self.salt) for t in tokens]

    # the vocabulary -------------------------------------------------------------------------------

    @property
    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    @property
    def _start(self) -> int:
        return self._oov_start + self.num_oov_indices

    @property
    def _special(self) -> list[Any]:
        return [self.mask_token] * self._oov_start + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these tokens: a list or array, or the path of a text file with one in each line.

        It may begin with the special tokens. `idf_weights`, one per token, belong to "tf_idf".
        Raises ValueError for a vocabulary that is empty, has a token twice, holds a special token
        in the wrong place, or is larger than `max_tokens`.
        """
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ValueError(
                f'{self.where}: idf_weights belong to output_mode="tf_idf", which needs them; got '
                f"output_mode={self.output_mode!r} and idf_weights={idf_weights!r:.60}."
            )
        if isinstance(vocabulary, (str, Path)):
            vocabulary = Path(vocabulary).read_text("utf-8").splitlines()
        whole = self.tokens(vocabulary).ravel().tolist()
        led = bool(whole) and whole[: self._start] == self._special
        tokens = whole[self._start :] if led else whole
        self._check(tokens)
        idf = None
        if idf_weights is not None:
            idf = np.asarray(idf_weights, "float64")
            if idf.shape != (len(whole),):
                raise ValueError(
                    f"{self.where}: idf_weights need one number for each of {len(whole)} tokens; "
                    f"got shape {idf.shape}."
                )
            idf = idf if led else np.concatenate([np.full(self._start, idf.mean()), idf])
        self._use(tokens, idf)

    def _check(self, tokens: list[Any]) -> None:
        if not tokens:
            raise ValueError(f"{self.where}: the vocabulary is empty.")
        twice = [token for token, n in Counter(tokens).items() if n > 1]
        if twice:
            raise ValueError(
                f"{self.where}: each token may be in the vocabulary once; these are there more "
                f"often: {twice[:5]}. Pass list(dict.fromkeys(vocabulary)) instead."
            )
        reserved = [self.mask_token] + [self.oov_token] * self.invert
        misplaced = [t for t in reserved if t is not None and t in tokens]
        if misplaced:
            raise ValueError(
                f"{self.where}: {misplaced[0]!r} stands for something else, so it may be in the "
                f"vocabulary only at its start, as {self._special}; or leave it out."
            )
        size = self._start + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                f"{self.where}: the vocabulary has {size} tokens with the special ones; "
                f"max_tokens is {self.max_tokens}."
            )

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary: tokens by falling frequency, of equals the later in order first.

        Args:
            data: an array, list or table of tokens, or what yields batches of them. Each row, or
                each token if there is one axis, is a document for tf-idf.
            steps: batches to take, default all.

        The weight of a token in n_t of n documents is log(1 + n / (1 + n_t)).
        """
        self.learn(np.atleast_1d(self.tokens(batch)) for batch in batches(data, steps))

    def learn(self, found: Iterable[Iterable[Any]]) -> None:
        """`adapt` to batches whose rows are documents."""
        if self.has_input_vocabulary:
            raise ValueError(f"{self.where} was given its vocabulary; it cannot adapt.")
        counts: Counter[Any] = Counter()
        documents: Counter[Any] = Counter()
        n = 0
        for batch in found:
            for row in batch:
                row = row.ravel().tolist() if hasattr(row, "ravel") else row
                row = row if isinstance(row, list) else [row]
                counts.update(row)
                documents.update(set(row) if self.output_mode == "tf_idf" else ())
                n += 1
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        if not counts:
            raise ValueError(f"{self.where}: adapt got no tokens.")
        tokens = sorted(counts, key=lambda t: (counts[t], t), reverse=True)
        if self.max_tokens is not None:
            tokens = tokens[: self.max_tokens - self._start]
        idf = None
        if self.output_mode == "tf_idf":
            idf = np.log(1 + n / (1 + np.array([documents[t] for t in tokens], "float64")))
            idf = np.concatenate([np.full(self._start, idf.mean()), idf])
        self._use(tokens, idf)

    def _known(self) -> _Vocabulary:
        if self._vocabulary is None:
            raise ValueError(
                f"{self.where} has no vocabulary yet: call adapt(data) first, or give it "
                "vocabulary=[...]."
            )
        return self._vocabulary

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens by id."""
        tokens = [] if self._vocabulary is None else self._vocabulary.tokens
        return [*(self._special if include_special_tokens else ()), *tokens]

    def vocabulary_size(self) -> int:
        """The number of ids."""
        return len(self.get_vocabulary())

    @property
    def depth(self) -> int:
        """The length of a code: `max_tokens` if padded to it, else the number of ids."""
        if self.pad_to_max_tokens:
            return self.max_tokens
        if self._vocabulary is None and self._told_size is not None:
            return self._told_size
        return len(self._known().tokens) + self._start

    # looking up -----------------------------------------------------------------------------------

    def encoded(self, ids: Any, weights: Any = None) -> Any:
        """The ids as `output_mode` says; "tf_idf": counts times the weights of the tokens."""
        found = super().encoded(ids)
        if self._known().idf is None:
            return found
        return ops.multiply(found, self._padded_idf().astype(self.dtype))

    def _use(self, tokens: list[Any], idf: np.ndarray | None) -> None:
        """Look tokens up from now on."""
        self._vocabulary = _Vocabulary(tokens, self._start, idf)

    def _padded_idf(self) -> np.ndarray:
        idf = self._known().idf
        return np.pad(idf, (0, self.depth - len(idf)))

    def unknown_tokens(self, tokens: Sequence[Any]) -> list[int]:
        """The ids of tokens out of the vocabulary. ValueError if there are none for them."""
        if self.num_oov_indices == 1 or not len(tokens):
            return [self._oov_start] * len(tokens)
        if not self.num_oov_indices:
            raise ValueError(
                f"{self.where} has num_oov_indices=0, so all tokens must be in its vocabulary; "
                f"these are not: {sorted(set(tokens))[:5]}."
            )
        return [self._oov_start + i for i in self.hashed(tokens)]


def key_of(salt: Any, where: str) -> list[int] | None:
    """A salt as two integers."""
    if isinstance(salt, int):
        return [salt, salt]
    whole = isinstance(salt, (list, tuple)) and [isinstance(s, int) for s in salt] == [True, True]
    if salt is not None and not whole:
        raise ValueError(f"{where}: salt must be an integer or two of them; got {salt!r}.")
    return None if salt is None else list(salt)


class Strings:
    """A layer that is called on strings, which no tensor holds."""

    encoding: str

    def _prepare(self, inputs: Any) -> Any:
        if getattr(self, "invert", False):
            return ops.convert_to_tensor(inputs)
        return texts(inputs, self.where, self.encoding)

    def _call_symbolically(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self.where} works on strings, so it cannot be a part of a model, whose inputs are "
            "tensors: call it on the data before, and give the model what comes out."
        )


class StringLookup(Strings, _Lookup):
    """Strings as ids.

    Args:
        max_tokens: the most ids there may be, special ones included; default any number.
        num_oov_indices: ids for strings out of the vocabulary: the id is chosen by a fingerprint
            of the string, which is that of Keras; 0: such strings are an error.
        mask_token: a string whose id is 0.
        oov_token: what `invert` gives for such ids.
        vocabulary: strings in the order of their ids, or a path; default `adapt` learns them.
        idf_weights: of the vocabulary, for "tf_idf".
        invert: go back from ids to strings, as a NumPy array.
        output_mode: "int", "one_hot", "multi_hot", "count", as `Categorical` says, or "tf_idf":
            counts times idf_weights.
        pad_to_max_tokens: make codes `max_tokens` long.
        encoding: of strings given as bytes.
        salt: one or two integers that choose another fingerprint.
        has_input_vocabulary: whether `adapt` is refused; default whether there is a vocabulary.

    The input is a list or array of strings; it is looked up outside of models.

    >>> StringLookup(vocabulary=["a", "b"])([["b", "x"]])
    array([[2, 0]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        salt: Any = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoding = encoding
        self.set_up(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights,
                    invert, output_mode, pad_to_max_tokens, sparse, salt,
                    has_input_vocabulary)  # fmt: skip

    unread = (*_Lookup.unread, "oov_method")

    def tokens(self, data: Any) -> np.ndarray:
        """Data as an array of strings."""
        return texts(data, self.where, self.encoding)

    def call(self, inputs: Any) -> Any:
        """The ids or codes of strings, or the strings of ids."""
        if self.invert:
            return self._strings(ops.convert_to_numpy(inputs))
        return self.encoded(ops.convert_to_tensor(self.ids(inputs)))

    def ids(self, strings: np.ndarray) -> np.ndarray:
        """The ids of an array of strings; -1 for the mask token where codes are the result."""
        known = self._known().ids
        if self.mask_token is not None:
            known = known | {self.mask_token: self._oov_start - 1}
        flat = strings.ravel().tolist()
        strange = [t for t in dict.fromkeys(flat) if t not in known]
        more = dict(zip(strange, self.unknown_tokens(strange), strict=True))
        found = [more[t] if t in more else known[t] for t in flat]
        return np.array(found, "int64").reshape(strings.shape)

    def _strings(self, ids: np.ndarray) -> np.ndarray:
        vocabulary = [*self.get_vocabulary(), self.oov_token]
        inside = (ids >= 0) & (ids < len(vocabulary) - 1)
        self._known()
        return np.array(vocabulary, dtype=object)[np.where(inside, ids, -1).astype("int64")]


class IntegerLookup(_Lookup):
    """Integers of any size as ids from 0 on; arguments as for `StringLookup`.

    An integer out of the vocabulary has the id of its remainder by `num_oov_indices`, or by the
    fingerprint of its digits with oov_method="farmhash". May be a part of a model.

    >>> IntegerLookup(vocabulary=[12, 1000])([[1000, 5]])
    array([[2, 0]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if vocabulary_dtype != "int64":
            raise unknown("vocabulary_dtype", vocabulary_dtype, ("int64",))
        if oov_method not in ("floormod", "farmhash"):
            raise unknown("oov_method", oov_method, ("floormod", "farmhash"))
        if salt is not None and oov_method != "farmhash":
            raise ValueError(f'{self.where}: salt belongs to oov_method="farmhash".')
        self.vocabulary_dtype, self.oov_method = vocabulary_dtype, oov_method
        self.set_up(max_tokens, num_oov_indices, mask_token, oov_token, vocabulary, idf_weights,
                    invert, output_mode, pad_to_max_tokens, sparse, salt,
                    has_input_vocabulary)  # fmt: skip

    def tokens(self, data: Any) -> np.ndarray:
        """Data as an array of integers."""
        found = np.asarray(plain(data))
        if found.dtype.kind not in "iu":
            found = numbers(found, self.where)
            if (found % 1 != 0).any():
                raise ValueError(f"{self.where} takes integers; got {found.ravel()[:5]}.")
        return found.astype("int64")

    def _of_lines(self, lines: list[str]) -> list[int]:
        return [int(line) for line in lines]

    def call(self, inputs: Any) -> Any:
        """The ids or codes of integers, or the integers of ids."""
        x = ops.cast(inputs, "int64")
        known = self._known()
        if self.invert:
            tokens = np.array([*self.get_vocabulary(), self.oov_token], "int64")
            n = len(tokens) - 1
            return ops.take(tokens, ops.where(ops.logical_and(x >= 0, x < n), x, n), axis=0)
        place = ops.minimum(ops.searchsorted(known.keys, x), len(known.keys) - 1)
        found = ops.equal(ops.take(known.keys, place, axis=0), x)
        ids = ops.take(known.places, place, axis=0)
        masked = None if self.mask_token is None else ops.equal(x, self.mask_token)
        seen = found if masked is None else ops.logical_or(found, masked)
        ids = ops.where(seen, ids, self._out_of_vocabulary(x, seen))
        if masked is not None:
            ids = ops.where(masked, self._oov_start - 1, ids)
        return self.encoded(ids)

    def _out_of_vocabulary(self, x: Any, seen: Any) -> Any:
        """Ids for all integers, to be used for those that were not seen."""
        n = self.num_oov_indices
        if n == 1:
            return self._oov_start
        if n and self.oov_method == "floormod":
            return ops.add(ops.mod(x, n), self._oov_start)
        registry.active().unrecordable(f"{self.where} looks at its input")
        values, strange = ops.convert_to_numpy(x), ~ops.convert_to_numpy(seen)
        ids = np.zeros(values.shape, "int64")
        ids[strange] = self.unknown_tokens(values[strange].tolist())
        return ids
