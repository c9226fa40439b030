"""Categories and texts: where the layers work, what they learn from, what they refuse."""

import numpy as np
import pytest

from deepbasics import Input, Model, Sequential, layers, ops, use_backend
from deepbasics.backends import registry
from deepbasics.layers.preprocessing.fingerprints import bucket, farmhash64, siphash64

# Of TensorFlow's to_hash_bucket_fast and to_hash_bucket_strong with key (5, 7), below 2**62.
FINGERPRINTS = {
    b"": (1936946117179621455, 4062381310253793247),
    b"a": (3694432073954588131, 1158549111424006458),
    b"text": (875699390014305615, 3861545254834644833),
    b"hello world": (1769834696496558107, 3508923408172925835),
    b"a longer text of words": (3359505758830042173, 3362895347531372617),
    b"seventeen letters and some more up to sixty": (3458537215138511124, 3292732639732160540),
    b"0123456789" * 11: (4316342503623063950, 973631926052643185),
}


def values(x):
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize(("text", "known"), FINGERPRINTS.items())
def test_fingerprints_are_those_of_tensorflow(text, known):
    assert (bucket(text, 2**62), bucket(text, 2**62, (5, 7))) == known


def test_siphash_is_that_of_its_paper():
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    assert siphash64(bytes(range(15)), key) == 0xA129CA6149BE45E5  # appendix A


def test_farmhash_tells_all_lengths_apart():
    assert len({farmhash64(b"x" * n) for n in range(300)}) == 300


# within models ------------------------------------------------------------------------------------


def test_integers_are_looked_up_within_a_model(backend):
    ids = layers.IntegerLookup(vocabulary=[10, 20, 2**40], mask_token=0)
    x = Input((3,), dtype="int64")
    model = Model(x, layers.Embedding(ids.vocabulary_size(), 4)(ids(x)))
    data = np.array([[10, 0, 2**40], [7, 20, 10]])
    table = model.layers[-1].get_weights()[0]
    expected = table[[[2, 0, 4], [1, 3, 2]]]
    np.testing.assert_array_equal(model.predict(data, verbose=0), expected)


def test_a_lookup_without_ids_for_strangers_finds_them_in_a_step_too(backend):
    model = Sequential(
        [Input((2,), dtype="int64"), layers.IntegerLookup(vocabulary=[1, 2], num_oov_indices=0)]
    )

    def predict():
        return [model.predict(np.array([[1, 2]]), verbose=0).tolist() for _ in range(3)]

    with pytest.warns(UserWarning, match="runs eagerly.*IntegerLookup layer .* looks at its input"):
        found = predict()
    assert found == [[[0, 1]]] * 3
    with pytest.raises(ValueError, match=r"num_oov_indices=0.*these are not: \[3\]"):
        model.predict(np.array([[1, 3]]), verbose=0)


def test_category_encoding_trains_what_comes_after_it(backend):
    model = Sequential([Input((2,), dtype="int64"), layers.CategoryEncoding(4), layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.array([[0, 1], [2, 3], [1, 1]] * 20)
    first, *_, last = model.fit(x, x.sum(1), epochs=40, verbose=0).history["loss"]
    assert last < first


def test_counts_do_not_need_room_for_each_token(backend):
    ids = np.zeros((4, 50_000), "int64")  # codes of all tokens would take 80 GB
    assert values(layers.CategoryEncoding(100_000, "count")(ids))[:, 0].tolist() == [50_000.0] * 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.StringLookup(vocabulary=["a"], name="s"),
        lambda: layers.TextVectorization(vocabulary=["a"], name="s"),
        lambda: layers.Hashing(3, name="s"),
    ],
)
def test_strings_do_not_go_through_models(make):
    with pytest.raises(TypeError, match=r"'s' works.*call it on the data before, and give the mo"):
        make()(Input((1,)))


def test_a_model_says_what_to_do_with_strings():
    model = Sequential([layers.StringLookup(vocabulary=["a", "b"])])
    with pytest.raises(ValueError, match=r"it must hold numbers or bools\. Encode text first"):
        model.predict(np.array([["a"], ["b"]]), verbose=0)


def test_texts_to_a_classifier(backend):
    texts = ["good fine", "bad awful", "very good", "very bad"] * 8
    words = layers.TextVectorization(output_mode="tf_idf")
    words.adapt(texts)
    x, y = values(words(texts)), np.array([1, 0, 1, 0] * 8)
    model = Sequential([layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.1
    assert model.fit(x, y, epochs=20, verbose=0).history["accuracy"][-1] == 1


# what they take -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "strings",
    [["a", "b", "x"], ("a", "b", "x"), np.array(["a", "b", "x"]), np.array([b"a", b"b", b"x"]),
     np.array(["a", "b", "x"], dtype=object)],
    ids=["list", "tuple", "array", "bytes", "objects"],
)  # fmt: skip
def test_strings_in_any_form(strings, backend):
    found = layers.StringLookup(vocabulary=["a", "b"])(strings)
    assert ops.is_tensor(found)
    assert values(found).tolist() == [1, 2, 0]


def test_lists_are_taken_while_some_tensor_has_a_mask(backend):
    masked = layers.Embedding(3, 2, mask_zero=True)(np.array([[1, 0]]))
    assert values(layers.StringLookup(vocabulary=["a"])(["a", "b"])).tolist() == [1, 0]
    assert values(layers.CategoryEncoding(2)([[0, 1], [1, 1]])).tolist() == [[1, 1], [0, 1]]
    assert masked.shape == (1, 2, 2)


def test_a_single_string():
    assert int(layers.StringLookup(vocabulary=["a", "b"])("b")) == 2
    assert values(layers.TextVectorization(vocabulary=["a", "b"])("b a")).tolist() == [[3, 2]]


def test_columns_of_a_table():
    pd = pytest.importorskip("pandas", reason="tables")
    table = pd.DataFrame({"town": ["b", "a", "b"], "n": [5, 3, 5]})
    towns, counts = layers.StringLookup(), layers.IntegerLookup()
    towns.adapt(table["town"])
    counts.adapt(table[["n"]])
    assert (towns.get_vocabulary(), counts.get_vocabulary()) == (["[UNK]", "b", "a"], [-1, 5, 3])
    assert values(towns(table["town"])).tolist() == [1, 2, 1]


@pytest.mark.parametrize("steps", [None, 2])
def test_a_vocabulary_from_batches(steps):
    layer = layers.StringLookup()
    layer.adapt((np.array(list(word)) for word in ("aab", "bbb", "ccccc")), steps=steps)
    assert layer.get_vocabulary()[1:] == (["c", "b", "a"] if steps is None else ["b", "a"])


def test_documents_are_counted_the_same_in_batches():
    texts = ["a b a", "b c", "c", "a"]
    whole, batched = (layers.TextVectorization(output_mode="tf_idf") for _ in range(2))
    whole.adapt(texts)
    batched.adapt(texts[i : i + 2] if i else np.array(texts[:2]) for i in (0, 2))
    assert batched.get_config()["idf_weights"] == whole.get_config()["idf_weights"]


def test_a_vocabulary_from_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("ä\nb\n", "utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "ä", "b"]
    again = layers.deserialize(layers.serialize(layer))
    path.unlink()
    assert again.get_vocabulary() == layer.get_vocabulary()


@pytest.mark.parametrize("kind", ["StringLookup", "TextVectorization", "IntegerLookup"])
def test_a_config_has_no_file_read(kind, tmp_path):
    path = tmp_path / "secret"
    path.write_text("1")
    config = layers.serialize(getattr(layers, kind)())
    config["config"]["vocabulary"] = str(path)
    with pytest.raises(ValueError, match="holds its vocabulary, no path of a file"):
        layers.deserialize(config)


def test_functions_of_ones_own():
    layer = layers.TextVectorization(
        standardize=lambda a: np.char.replace(a.astype(str), "-", ""),
        split=lambda a: [t.split("/") for t in a],
    )
    layer.adapt(["a-b/c", "c"])
    assert layer.get_vocabulary() == ["", "[UNK]", "c", "ab"]
    assert values(layer(["c/a-b", "c"])).tolist() == [[2, 3], [2, 0]]


def test_functions_of_ones_own_are_saved_by_name():
    def commas(a):
        return [t.split(",") for t in a]

    layer = layers.TextVectorization(standardize=None, split=commas, vocabulary=["x", "y"])
    config = layers.serialize(layer)
    again = layers.deserialize(config, {"commas": commas})
    assert values(again(["y,x"])).tolist() == values(layer(["y,x"])).tolist() == [[3, 2]]
    with pytest.raises(ValueError, match="Unknown split 'commas'"):
        layers.deserialize(config)


def test_the_same_on_every_backend():
    found = []
    for name in registry.available():
        with use_backend(name):
            layer = layers.Hashing(50, output_mode="count")
            found.append(values(layer([["a", "b", "a"], ["c", "d", "e"]])))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


# what they refuse ---------------------------------------------------------------------------------

BAD = {
    "'s' has no vocabulary yet: call adapt\\(data\\) first": lambda: layers.StringLookup(name="s")(
        ["a"]
    ),
    "'i' has no vocabulary yet": lambda: layers.IntegerLookup(name="i")([1]),
    "may be in the vocabulary once; these are there more often: \\['a'\\]": lambda: (
        layers.StringLookup(vocabulary=["a", "b", "a"])
    ),
    "'s': the vocabulary is empty": lambda: layers.StringLookup(vocabulary=[], name="s"),
    "'' stands for something else": lambda: layers.StringLookup(
        vocabulary=["a", ""], mask_token=""
    ),
    "has 4 tokens with the special ones; max_tokens is 3": lambda: layers.StringLookup(
        vocabulary=["a", "b", "c"], max_tokens=3
    ),
    "max_tokens must be an integer of at least 2; got 1": lambda: layers.StringLookup(1),
    "num_oov_indices must be an integer of at least 0; got -1": lambda: layers.IntegerLookup(
        num_oov_indices=-1
    ),
    "pad_to_max_tokens=True needs max_tokens": lambda: layers.StringLookup(pad_to_max_tokens=True),
    'invert=True needs output_mode="int"': lambda: layers.StringLookup(
        vocabulary=["a"], invert=True, output_mode="count"
    ),
    'idf_weights belong to output_mode="tf_idf", which needs them': lambda: layers.StringLookup(
        vocabulary=["a"], output_mode="tf_idf"
    ),
    "one number for each of 2 tokens; got shape \\(1,\\)": lambda: layers.StringLookup(
        vocabulary=["a", "b"], output_mode="tf_idf", idf_weights=[1.0]
    ),
    "idf_weights need the vocabulary": lambda: layers.StringLookup(
        output_mode="tf_idf", idf_weights=[1.0]
    ),
    "'s' was given its vocabulary; it cannot adapt": lambda: layers.StringLookup(
        vocabulary=["a"], name="s"
    ).adapt(["b"]),
    "'s': adapt got no tokens": lambda: layers.StringLookup(name="s").adapt(["[UNK]"]),
    "num_oov_indices=0, so all tokens must be in its .*; these are not: \\['x'\\]": lambda: (
        layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["a", "x"])
    ),
    "'i' takes integers; got \\[1.5\\]": lambda: layers.IntegerLookup(name="i").adapt([1.5]),
    "Unknown oov_method 'farm'. Did you mean 'farmhash'": lambda: layers.IntegerLookup(
        oov_method="farm"
    ),
    'salt belongs to oov_method="farmhash"': lambda: layers.IntegerLookup(salt=1),
    "salt must be an integer or two of them; got 'x'": lambda: layers.Hashing(3, salt="x"),
    "num_bins must be a positive integer; got 0": lambda: layers.Hashing(0),
    "CategoryEncoding needs num_tokens": layers.CategoryEncoding,
    "num_tokens must be a positive integer; got -1": lambda: layers.CategoryEncoding(-1),
    "Unknown output_mode 'int'": lambda: layers.CategoryEncoding(3, "int"),
    "count_weights are for output_mode=\"count\"; it is 'multi_hot'": lambda: (
        layers.CategoryEncoding(3)([[1]], count_weights=[[1.0]])
    ),
    "Unknown standardize 'lowercase'. Did you mean 'lower'": lambda: layers.TextVectorization(
        standardize="lowercase"
    ),
    "Unknown split 'word'": lambda: layers.TextVectorization(split="word"),
    "ngrams must be a positive integer or a tuple of them; got 0": lambda: layers.TextVectorization(
        ngrams=0
    ),
    'output_sequence_length belongs to output_mode="int"': lambda: layers.TextVectorization(
        output_mode="count", output_sequence_length=3
    ),
    "there are no ragged tensors": lambda: layers.TextVectorization(ragged=True),
    "'t' splits texts in the shape \\(texts,\\) or \\(texts, 1\\); got \\(1, 2\\)": lambda: (
        layers.TextVectorization(vocabulary=["a"], name="t")([["a", "b"]])
    ),
}
STRINGS = {
    "'s' takes strings.*got 1 \\(int\\)": lambda: layers.StringLookup(vocabulary=["a"], name="s")(
        [1]
    ),
    "got nan \\(float\\)": lambda: layers.StringLookup().adapt(["a", np.nan]),
    "got None \\(NoneType\\)": lambda: layers.TextVectorization().adapt(["a", None]),
    "got \\['a'\\] \\(list\\)": lambda: layers.StringLookup().adapt([["a"], ["b", "c"]]),
}


@pytest.mark.parametrize(("said", "do"), BAD.items(), ids=BAD)
def test_what_cannot_be_is_said(said, do):
    with pytest.raises(ValueError, match=said):
        do()


@pytest.mark.parametrize(("said", "do"), STRINGS.items(), ids=STRINGS)
def test_what_is_no_string_is_said(said, do):
    with pytest.raises(TypeError, match=said):
        do()
