"""The vocabulary of a lookup layer in configs and in files, as Keras writes it."""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np

from deepbasics.errors import as_count

_APART: ContextVar[bool] = ContextVar("vocabularies apart", default=False)
_FILE = "vocabulary.txt"


@contextmanager
def vocabularies_apart() -> Iterator[None]:
    """Leave learned vocabularies out of configs: `save_assets` writes them, as in Keras."""
    token = _APART.set(True)
    try:
        yield
    finally:
        _APART.reset(token)


class Written:
    """The part of a lookup layer that is written down; its tokens and settings are elsewhere."""

    _told_size: int | None = None  # of a vocabulary that is yet to be read
    _read_idf: np.ndarray | None = None
    unread = ("vocabulary_size",)  # what is in Keras' configs, and follows from the rest

    @property
    def vocabulary(self) -> list[Any] | None:
        """The tokens by id; None before they are known, or where they are written apart."""
        return None if self._vocabulary is None or self._is_apart() else self.get_vocabulary()

    @property
    def idf_weights(self) -> list[float] | None:
        """The weights of these tokens for tf-idf."""
        idf = None if self._vocabulary is None or self._is_apart() else self._vocabulary.idf
        return None if idf is None else idf.tolist()

    def _is_apart(self) -> bool:
        return _APART.get() and self._has_file()

    def _has_file(self) -> bool:
        """Whether the tokens are not given but learned, and each of them is a line."""
        tokens = [] if self._vocabulary is None else map(str, self._vocabulary.tokens)
        return not self.has_input_vocabulary and all(t.splitlines() == [t] for t in tokens)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, and the number of ids."""
        size = None if self._vocabulary is None else self.vocabulary_size()
        return super().get_config() | {"vocabulary_size": size}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Written":
        """The inverse of `get_config`. No vocabulary is read from a file."""
        given = plain_vocabulary(cls, config).items()
        layer = cls(**{name: value for name, value in given if name not in cls.unread})
        layer.expect(config.get("vocabulary_size"))
        return layer

    def expect(self, size: Any) -> None:
        """Take the number of ids from a config, for a vocabulary that is yet to be read."""
        self._told_size = as_count(f"{self.where}: vocabulary_size", size, None, least=0)

    def save_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """The weights of the tokens for tf-idf, in float32 and as long as a code."""
        if self._vocabulary is not None and self._vocabulary.idf is not None:
            store["idf_weights"] = self._padded_idf().astype("float32")

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Their inverse."""
        if self.output_mode != "tf_idf":
            return
        self._read_idf = np.asarray(store["idf_weights"], "float64")
        if self._vocabulary is not None:
            self._take(self._vocabulary.tokens)

    def save_assets(self, folder: str | Path) -> None:
        """Write the vocabulary, one token in each line, unless it is in the config."""
        if self._has_file():
            text = "\n".join(str(token) for token in self.get_vocabulary())
            Path(folder, _FILE).write_text(text, "utf-8", newline="")

    def load_assets(self, folder: str | Path) -> None:
        """Read it. ValueError unless it has as many tokens as the config says."""
        if self._vocabulary is not None:
            return
        text = Path(folder, _FILE).read_bytes().decode("utf-8").replace("\r\n", "\n")
        lines = text.split("\n") if text else []
        if self._told_size not in (None, len(lines)):
            raise ValueError(f"it has {len(lines)} tokens; the config says {self._told_size}")
        tokens = self.tokens(self._of_lines(lines)).ravel().tolist()
        if tokens[: self._start] == self._special:
            tokens = tokens[self._start :]
        if tokens:
            self._check(tokens)
            self._take(tokens)

    def _take(self, tokens: list[Any]) -> None:
        """Use tokens, with the weights that were read for them."""
        idf, size = self._read_idf, self._start + len(tokens)
        if idf is not None and (idf.ndim != 1 or len(idf) not in (size, self.max_tokens)):
            raise ValueError(f"it has {size} tokens and idf_weights of shape {idf.shape}")
        self._use(tokens, None if idf is None else idf[:size])

    def _of_lines(self, lines: list[str]) -> list[Any]:
        return lines


def plain_vocabulary(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """A config as it is. ValueError if it would have a file read."""
    if isinstance(config.get("vocabulary"), (str, Path)):
        raise ValueError(
            f"A config of a {cls.__name__} holds its vocabulary, no path of a file; it has "
            f"{config['vocabulary']!r:.80}."
        )
    return config
