"""Text to numbers as Keras 1 and 2 had it; `layers.TextVectorization` is today's way."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from deepbasics import legacy
from deepbasics.errors import unknown

__all__ = [
    "Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json",
]  # fmt: skip

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
MODES = ("binary", "count", "freq", "tfidf")

Text = str | Sequence[str]


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text: without the characters in `filters`, in small letters.

    >>> text_to_word_sequence("To be, or not to be!")
    ['to', 'be', 'or', 'not', 'to', 'be']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: str | Callable[[str], int] | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
) -> list[int]:
    """A number from 1 to `n` - 1 for each word of a text: that of its hash, so words may share one.

    `hash_function`: a function from words to integers; default "md5", the same in each run.

    >>> hashing_trick("to be or not to be", 50)
    [15, 5, 8, 36, 15, 5]
    """
    chosen = _md5 if hash_function in (None, "md5") else hash_function
    if not callable(chosen):
        raise unknown("hash_function", str(hash_function), ["md5"])
    return [chosen(w) % (n - 1) + 1 for w in text_to_word_sequence(text, filters, lower, split)]


def one_hot(
    input_text: str, n: int, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[int]:
    """What `hashing_trick` gives. (The name is Keras'; nothing is one-hot.)"""
    return hashing_trick(input_text, n, None, filters, lower, split)


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers the words of texts, the most frequent first, from 1 on.

    Args:
        num_words: only the `num_words` - 1 most frequent words count; None: all do.
        filters: characters that are taken out.
        lower: whether capitals become small letters.
        split: what is between words.
        char_level: whether characters are counted instead of words.
        oov_token: stands for words that are not known, with number 1; None: these are left out.
        analyzer: a function from a text to its words, in place of the settings above.

    A text is a string, or a list of words.

    >>> tokenizer = Tokenizer(num_words=4)
    >>> tokenizer.fit_on_texts(["The cat sat on the mat.", "The dog!"])
    >>> tokenizer.word_index
    {'the': 1, 'cat': 2, 'sat': 3, 'on': 4, 'mat': 5, 'dog': 6}
    >>> tokenizer.texts_to_sequences(["the cat on the mat"])
    [[1, 2, 1]]
    >>> tokenizer.texts_to_matrix(["the cat on the mat"], mode="count")
    array([[0., 2., 1., 0.]])
    """

    @legacy.keywords("Tokenizer")
    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[str], Iterable[str]] | None = None,
        document_count: int = 0,
    ) -> None:
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: dict[str, int] = {}
        self.word_docs: dict[str, int] = {}  # in how many texts each word is
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}
        self.index_docs: dict[int, int] = {}

    def _words(self, text: Text) -> list[str]:
        if self.analyzer is not None:
            return list(self.analyzer(text))
        if self.char_level or not isinstance(text, str):
            return [part.lower() for part in text] if self.lower else list(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Text]) -> None:
        """Count the words of texts, and number them; may be called again with more."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in dict.fromkeys(words):
                self.word_docs[word] = self.word_docs.get(word, 0) + 1
        ranked = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: i for i, word in enumerate([*first, *ranked], start=1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        self.index_docs = {self.word_index[word]: n for word, n in self.word_docs.items()}

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """As `fit_on_texts`, for lists of numbers: what `sequences_to_matrix` needs for "tfidf"."""
        for sequence in sequences:
            self.document_count += 1
            for i in set(sequence):
                self.index_docs[i] = self.index_docs.get(i, 0) + 1

    def texts_to_sequences(self, texts: Iterable[Text]) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Text]) -> Iterator[list[int]]:
        """`texts_to_sequences`, one by one."""
        unknown_word = self.word_index.get(self.oov_token) if self.oov_token else None
        for text in texts:
            found = (self.word_index.get(word) for word in self._words(text))
            known = (i if i is not None and self._counts(i) else unknown_word for i in found)
            yield [i for i in known if i is not None]

    def _counts(self, i: int) -> bool:
        return not self.num_words or i < self.num_words

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """The words of numbers, joined by spaces."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Sequence[int]]) -> Iterator[str]:
        """`sequences_to_texts`, one by one."""
        for sequence in sequences:
            words = (self.index_word.get(i) if self._counts(i) else None for i in sequence)
            known = (self.oov_token if word is None else word for word in words)
            yield " ".join(word for word in known if word is not None)

    def texts_to_matrix(self, texts: Iterable[Text], mode: str = "binary") -> np.ndarray:
        """A row for each text, a column for each word; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """float64 (rows, num_words), or one column more than words: column i is word number i.

        mode: "binary" 1 for a word that is there, "count" how often it is, "freq" that in relation
            to the length, "tfidf" (1 + log count) · log(1 + texts / (1 + texts with the word)).
        """
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
        if not self.num_words and not self.word_index:
            raise ValueError("Call fit_on_texts first, or say num_words.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError('mode="tfidf" needs to know other texts: call fit_on_texts first.')
        matrix = np.zeros((len(sequences), self.num_words or len(self.word_index) + 1))
        for row, sequence in zip(matrix, sequences, strict=True):
            for i, count in Counter(i for i in sequence if i < len(row)).items():
                row[i] = self._entry(mode, i, count, len(sequence))
        return matrix

    def _entry(self, mode: str, i: int, count: int, length: int) -> float:
        if mode == "tfidf":
            rarity = np.log(1 + self.document_count / (1 + self.index_docs.get(i, 0)))
            return (1 + np.log(count)) * rarity
        return {"binary": 1.0, "count": count, "freq": count / length}[mode]

    def get_config(self) -> dict[str, Any]:
        """The settings and what was counted, in the form in which Keras 2 wrote them."""
        names = ("num_words", "filters", "lower", "split", "char_level", "oov_token")
        counted = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        return {
            **{name: getattr(self, name) for name in (*names, "document_count")},
            **{name: json.dumps(getattr(self, name)) for name in counted},
        }

    def to_json(self, **kwargs: Any) -> str:
        """`get_config` as text, which `tokenizer_from_json` reads."""
        return json.dumps({"class_name": "Tokenizer", "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The inverse of `Tokenizer.to_json`, also for what Keras 2 wrote."""
    config = dict(json.loads(json_string)["config"])
    words = {n: json.loads(config.pop(n)) for n in ("word_counts", "word_docs", "word_index")}
    numbers = {n: json.loads(config.pop(n)) for n in ("index_docs", "index_word")}
    tokenizer = Tokenizer(**config)
    vars(tokenizer).update(words)
    vars(tokenizer).update({n: {int(i): v for i, v in d.items()} for n, d in numbers.items()})
    return tokenizer
