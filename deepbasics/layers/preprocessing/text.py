"""TextVectorization: texts as ids of words, by a vocabulary that is given or learned."""

import re
import string
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepbasics import ops
from deepbasics.errors import as_count
from deepbasics.layers.base import Layer, Shape
from deepbasics.layers.preprocessing.adapting import batches, texts
from deepbasics.layers.preprocessing.vocabulary import StringLookup, Strings
from deepbasics.layers.preprocessing.written_vocabulary import plain_vocabulary
from deepbasics.lookup import Lookup, described_function

Tokens = list[list[str]]

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_BARE = str.maketrans("", "", string.punctuation)
_SPACE = re.compile("[ \t\n\r\f\v]+")


def lower(text: str) -> str:
    """With A to Z in lower case; other letters as they are, as in Keras."""
    return text.translate(_LOWER)


def strip_punctuation(text: str) -> str:
    """Without ASCII punctuation."""
    return text.translate(_BARE)


def lower_and_strip_punctuation(text: str) -> str:
    """Both."""
    return strip_punctuation(lower(text))


def whitespace(text: str) -> list[str]:
    """The words between ASCII white space."""
    return [word for word in _SPACE.split(text) if word]


def character(text: str) -> list[str]:
    """The characters, by code points."""
    return list(text)


STANDARDS = {f.__name__: f for f in (lower, strip_punctuation, lower_and_strip_punctuation)}
SPLITS = {f.__name__: f for f in (whitespace, character)}
_STANDARD, _SPLIT = Lookup("standardize", STANDARDS), Lookup("split", SPLITS)


class TextVectorization(Strings, Layer):
    """Texts as ids of words: each is standardised, split, and its words are looked up.

    Args:
        max_tokens: the most ids there may be, those of padding and of unknown words included.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            function of an array of strings that gives such an array. ASCII letters and signs only.
        split: "whitespace", "character", None (each string is a word), or a function of an array
            of strings that gives a list of words for each.
        ngrams: also runs of up to so many words, joined by spaces; a tuple of lengths: only those.
        output_mode: "int": ids (texts, words), 0 after the end and 1 for what is out of the
            vocabulary; "multi_hot", "count", "tf_idf": codes (texts, ids), as for `StringLookup`.
        output_sequence_length: of "int": the number of columns, default that of the longest text.
        pad_to_max_tokens, vocabulary, idf_weights, encoding, has_input_vocabulary: as for
            `StringLookup`.

    The input is a list or array (texts,) or (texts, 1) of strings; it works outside of models.

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["the cat", "the dog!"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'the', 'dog', 'cat']
    >>> layer(["The dog sleeps."])
    array([[2, 3, 1, 0]])
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        has_input_vocabulary: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoding = encoding
        self._standardize, self._split = _STANDARD.get(standardize), _SPLIT.get(split)
        self._ngrams_arg = tuple(ngrams) if isinstance(ngrams, list) else ngrams
        self._ngrams = self._widths(ngrams)
        if ragged:
            raise ValueError(f"{self.where}: there are no ragged tensors; leave ragged=False.")
        if output_sequence_length is not None and output_mode != "int":
            raise ValueError(
                f'{self.where}: output_sequence_length belongs to output_mode="int"; got '
                f"{output_mode!r}."
            )
        self._length = as_count(
            f"{self.where}: output_sequence_length", output_sequence_length, None
        )
        self._lookup_layer = StringLookup(
            max_tokens, mask_token="", vocabulary=vocabulary, idf_weights=idf_weights,
            output_mode=output_mode, pad_to_max_tokens=pad_to_max_tokens, sparse=sparse,
            encoding=encoding, has_input_vocabulary=has_input_vocabulary, name=self.name,
        )  # fmt: skip

    def _widths(self, ngrams: Any) -> tuple[int, ...]:
        if ngrams is None:
            return (1,)
        widths = range(1, ngrams + 1) if isinstance(ngrams, int) else ngrams
        try:
            found = tuple(as_count("n", n) for n in widths)
        except (TypeError, ValueError):
            found = ()
        if not found:
            raise ValueError(
                f"{self.where}: ngrams must be a positive integer or a tuple of them; got "
                f"{ngrams!r}."
            )
        return found

    @property
    def where(self) -> str:
        """How errors name the layer."""
        return f"{type(self).__name__} layer {self.name!r}"

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary of texts: a list, array or column, or what yields batches of them.

        `steps` batches, default all; `batch_size` changes nothing.
        """
        found = (texts(batch, self.where, self.encoding) for batch in batches(data, steps))
        self._lookup_layer.learn(map(self.words, found))

    def words(self, strings: np.ndarray) -> Tokens:
        """The words and n-grams of each text."""
        strings = self._standardized(strings)
        if self._split is None:
            rows = strings.reshape(len(strings), -1).tolist()
        else:
            if strings.ndim > 2 or (strings.ndim == 2 and strings.shape[1] != 1):
                raise ValueError(
                    f"{self.where} splits texts in the shape (texts,) or (texts, 1); got "
                    f"{strings.shape}. With split=None each string is a word."
                )
            flat = strings.ravel()
            own = self._split in SPLITS.values()
            rows = [self._split(t) for t in flat] if own else [list(r) for r in self._split(flat)]
        return [_ngrams(row, self._ngrams) for row in rows] if self._ngrams != (1,) else rows

    def _standardized(self, strings: np.ndarray) -> np.ndarray:
        strings = np.atleast_1d(strings)
        if self._standardize is None:
            return strings
        if self._standardize not in STANDARDS.values():
            return texts(self._standardize(strings), self.where, self.encoding)
        changed = np.empty(strings.shape, dtype=object)
        changed.flat = [self._standardize(t) for t in strings.flat]
        return changed

    def call(self, inputs: Any) -> Any:
        """The ids, or their codes."""
        lookup, rows = self._lookup_layer, self.words(inputs)
        width = max(map(len, rows), default=0)
        flat = np.array([t for row in rows for t in row], dtype=object)
        ids = np.full((len(rows), width), lookup._oov_start - 1)
        ids[np.arange(width) < np.array([len(row) for row in rows])[:, None]] = lookup.ids(flat)
        if self._length is not None:
            ids = np.pad(ids[:, : self._length], ((0, 0), (0, max(0, self._length - width))))
        return lookup.encoded(ops.convert_to_tensor(ids))

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words by id."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """The number of ids."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these words, as `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(texts, columns)."""
        if self._lookup_layer.output_mode == "int":
            return (input_shape[0], self._length)
        return self._lookup_layer.compute_output_shape((input_shape[0], None))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, with the vocabulary that was learned."""
        inner = self._lookup_layer.get_config()
        names = ("max_tokens", "output_mode", "pad_to_max_tokens", "sparse", "vocabulary",
                 "idf_weights", "encoding", "has_input_vocabulary", "vocabulary_size")  # fmt: skip
        return super().get_config() | {name: inner[name] for name in names} | {
            "standardize": _described(_STANDARD, self._standardize),
            "split": _described(_SPLIT, self._split),
            "ngrams": self._ngrams_arg,
            "output_sequence_length": self._length,
            "ragged": False,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TextVectorization":
        """The inverse of `get_config`. No vocabulary is read from a file."""
        config = dict(plain_vocabulary(cls, config))
        size = config.pop("vocabulary_size", None)
        for name, lookup in (("standardize", _STANDARD), ("split", _SPLIT)):
            config[name] = lookup.deserialize(config.get(name))
        layer = cls(**config)
        layer._lookup_layer.expect(size)
        return layer

    def save_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """The weights of the words for tf-idf."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Their inverse."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, folder: str | Path) -> None:
        """Write the vocabulary, unless it is in the config."""
        self._lookup_layer.save_assets(folder)

    def load_assets(self, folder: str | Path) -> None:
        """Read it."""
        self._lookup_layer.load_assets(folder)


def _described(lookup: Lookup, function: Any) -> Any:
    """A function as plain data: the name that it goes by in Keras, or its own."""
    if function is None or function in lookup.objects.values():
        return lookup.serialize(function)
    return described_function(function)


def _ngrams(words: list[str], widths: Sequence[int]) -> list[str]:
    return [
        " ".join(words[i : i + width]) for width in widths for i in range(len(words) - width + 1)
    ]
