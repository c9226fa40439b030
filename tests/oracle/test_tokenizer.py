"""The Tokenizer of Keras 1 and 2, beside Keras' own."""

import json

import numpy as np
import pytest
from deepbasics.preprocessing import text

TEXTS = ["The cat sat on the mat.", "The dog ate my homework, my dear!", "", "a cat; a Dog"]
NEW = ["the CAT ate the mouse", "nothing known here?"]
SETTINGS = [
    {}, {"num_words": 5}, {"oov_token": "<?>"}, {"oov_token": "<?>", "num_words": 4},
    {"lower": False, "filters": "."}, {"char_level": True}, {"split": ","},
    {"analyzer": lambda text: text.split("a")},
]  # fmt: skip


def _read(config):
    """The counts as dicts, whose order in Keras is that of sets of strings."""
    words = [name for name in config if name.startswith(("word_", "index_"))]
    return {**config, **{name: json.loads(config[name]) for name in words}}


def _legacy():
    name = "keras.src.legacy.preprocessing.text"
    return pytest.importorskip(name, reason="the oracle is Keras 3")


@pytest.mark.parametrize("settings", SETTINGS, ids=[" ".join(s) or "plain" for s in SETTINGS])
def test_a_tokenizer_does_what_that_of_keras_does(settings):
    theirs, ours = _legacy().Tokenizer(**settings), text.Tokenizer(**settings)
    for tokenizer in (theirs, ours):
        tokenizer.fit_on_texts(TEXTS[:2])
        tokenizer.fit_on_texts(TEXTS[2:])
    assert ours.word_index == theirs.word_index
    assert ours.word_counts == dict(theirs.word_counts)
    assert ours.word_docs == dict(theirs.word_docs)
    assert ours.index_docs == dict(theirs.index_docs)
    sequences = theirs.texts_to_sequences(TEXTS + NEW)
    assert ours.texts_to_sequences(TEXTS + NEW) == sequences
    assert ours.sequences_to_texts(sequences) == theirs.sequences_to_texts(sequences)
    for mode in ("binary", "count", "freq", "tfidf"):
        want = theirs.texts_to_matrix(TEXTS + NEW, mode=mode)
        np.testing.assert_allclose(ours.texts_to_matrix(TEXTS + NEW, mode=mode), want, rtol=1e-14)
    assert _read(ours.get_config()) == _read(theirs.get_config())


def test_texts_may_be_lists_of_words():
    tokenizer = text.Tokenizer(oov_token="?")
    tokenizer.fit_on_texts([["One", "two"], ["two"]])
    assert tokenizer.word_index == {"?": 1, "two": 2, "one": 3}
    assert tokenizer.texts_to_sequences([["TWO", "three"]]) == [[2, 1]]


def test_a_tokenizer_is_kept_as_text():
    tokenizer = text.Tokenizer(num_words=6)
    tokenizer.fit_on_texts(TEXTS)
    for written in (tokenizer.to_json(), _legacy_json()):
        again = text.tokenizer_from_json(written)
        assert again.get_config() == json.loads(written)["config"]
        assert again.texts_to_sequences(NEW) == tokenizer.texts_to_sequences(NEW)
        assert again.sequences_to_texts([[1, 2]]) == tokenizer.sequences_to_texts([[1, 2]])


def _legacy_json():
    tokenizer = _legacy().Tokenizer(num_words=6)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer.to_json()


def test_words_by_their_hash():
    theirs = _legacy()
    for given in TEXTS:
        want = theirs.hashing_trick(given, 20, hash_function="md5")
        assert text.hashing_trick(given, 20) == text.one_hot(given, 20) == want
        assert text.text_to_word_sequence(given) == theirs.text_to_word_sequence(given)
    assert text.hashing_trick("a b", 5, hash_function=len) == [2, 2]
    with pytest.raises(ValueError, match=r"hash_function 'md6'\. Did you mean 'md5'"):
        text.hashing_trick("a b", 5, "md6")


def test_what_cannot_be_told_yet_is_said():
    tokenizer = text.Tokenizer()
    with pytest.raises(ValueError, match="Call fit_on_texts first"):
        tokenizer.sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match=r"tfidf.* needs to know other texts"):
        text.Tokenizer(num_words=3).sequences_to_matrix([[1]], mode="tfidf")
    tokenizer.fit_on_texts(TEXTS)
    with pytest.raises(ValueError, match=r"mode 'tf_idf'\. Did you mean 'tfidf'"):
        tokenizer.texts_to_matrix(TEXTS, mode="tf_idf")
    with pytest.warns(DeprecationWarning, match="write num_words=3"):
        assert text.Tokenizer(nb_words=3).num_words == 3
