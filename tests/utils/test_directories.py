"""Folders as batches: orders, sets put aside, training, and what is refused."""

import numpy as np
import pytest

import deepbasics as db
from deepbasics.utils import image_dataset_from_directory, text_dataset_from_directory

image = pytest.importorskip("PIL.Image", reason="the extra images")


@pytest.fixture
def folder(tmp_path):
    """Dark and bright images, twelve of each."""
    rng = np.random.default_rng(0)
    for name, low in (("bright", 150), ("dark", 0)):
        (tmp_path / name).mkdir()
        for i in range(12):
            pixels = rng.integers(low, low + 100, (5, 6, 3)).astype("uint8")
            image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    return tmp_path


def made(folder, **how):
    return image_dataset_from_directory(folder, image_size=(4, 4), verbose=False, **how)


def test_a_network_is_trained_on_a_folder(backend, folder):
    train, test = made(folder, seed=1, validation_split=0.25, subset="both", batch_size=4)
    model = db.Sequential(
        [
            db.Input((4, 4, 3)),
            db.layers.Rescaling(1 / 255),
            db.layers.Flatten(),
            db.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile(db.optimizers.Adam(0.05), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=test, epochs=8, verbose=0).history
    assert history["val_accuracy"][-1] == 1
    assert test.class_names == ["bright", "dark"]


def test_each_epoch_has_an_order_of_its_own(folder):
    def epochs(seed):
        data, found = made(folder, seed=seed, batch_size=5), []
        for _ in range(2):
            found.append(np.concatenate([data[i][0] for i in range(len(data))]).sum(axis=(1, 2, 3)))
            data.on_epoch_end()
        return found

    first, second = epochs(1)
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(sorted(first), sorted(second))
    for a, b in zip(epochs(1), (first, second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(epochs(2)[0], first)


def test_labels_stay_with_their_images(folder):
    data = made(folder, seed=3, batch_size=24)
    for _ in range(2):
        x, y = data[0]
        np.testing.assert_array_equal(y, x.mean(axis=(1, 2, 3)) < 120)
        data.on_epoch_end()


def test_what_is_put_aside_is_not_trained_on(folder):
    parts = [
        made(folder, seed=5, validation_split=0.3, subset=s) for s in ("training", "validation")
    ]
    first, second = (set(part.file_paths) for part in parts)
    assert (len(first), len(second)) == (17, 7)
    assert not first & second


def test_texts_are_vectorized(tmp_path):
    for name, words in (("a", "one two"), ("b", "two three")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(words, encoding="utf8")
    data = text_dataset_from_directory(tmp_path, shuffle=False, verbose=False)
    texts, labels = data[0]
    layer = db.layers.TextVectorization(vocabulary=["one", "two", "three"])
    np.testing.assert_array_equal(db.ops.convert_to_numpy(layer(texts)), [[2, 3], [3, 4]])
    np.testing.assert_array_equal(labels, [0, 1])


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"label_mode": "ints"}, r"label_mode 'ints'\. Did you mean 'int'"),
        ({"labels": "infer"}, r"labels 'infer'\. Did you mean 'inferred'"),
        ({"labels": [0, 1]}, "There are 24 files in .* got 2 labels"),
        ({"class_names": ["dark", "grey"]}, r"subfolders, of \['bright', 'dark'\]; got"),
        ({"labels": None, "class_names": ["dark"]}, "class_names are subfolders"),
        ({"class_names": ["dark"], "label_mode": "binary"}, "is for 2 classes; there are 1"),
        ({"validation_split": 0.2}, "go together"),
        ({"validation_split": 0.2, "subset": "both"}, "needs a seed"),
        ({"validation_split": 2, "subset": "both", "seed": 1}, r"must be in \(0, 1\); got 2"),
        ({"validation_split": 0.2, "subset": "test"}, "Unknown subset 'test'"),
        ({"validation_split": 0.01, "subset": "both", "seed": 1}, "no validation files ending in"),
    ],
)
def test_what_cannot_be_is_refused(folder, how, said):
    with pytest.raises(ValueError, match=said):
        made(folder, **how)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(ValueError, match=r"no files ending in \.bmp, \.gif"):
        made(tmp_path)
