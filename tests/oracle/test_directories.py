"""Folders of images and texts as batches, beside those of Keras 3."""

import numpy as np
import pytest

import deepbasics as db

keras = pytest.importorskip("keras", reason="the oracle is Keras 3")
pytest.importorskip("tensorflow", reason="Keras reads folders with TensorFlow")
image = pytest.importorskip("PIL.Image", reason="the extra images")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Three classes of images of different sizes; files that are no images; a hidden folder."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    sizes = [(8, 9), (12, 5), (7, 7), (16, 10)]
    for name, n in (("dog", 4), ("cat", 3), ("emu", 2), (".hidden", 1)):
        (root / name / "more").mkdir(parents=True)
        for i in range(n):
            pixels = rng.integers(0, 256, (*sizes[i], 3)).astype("uint8")
            image.fromarray(pixels).save(root / name / ("more" if i == 2 else "") / f"{i}.PNG")
        (root / name / "notes.md").write_text("no image")
    return root


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    root = tmp_path_factory.mktemp("texts")
    for name in ("pos", "neg"):
        (root / name).mkdir()
        for i in range(5):
            (root / name / f"{i}.txt").write_bytes(f"text {i}\r\nof {name}".encode() * (i + 1))
    return root


def agree(name, root, atol=1e-3, **how):
    ours, theirs = (getattr(k.utils, f"{name}_dataset_from_directory")(root, shuffle=False, **how)
                    for k in (db, keras))  # fmt: skip
    pairs = [(ours, theirs)] if how.get("subset") != "both" else zip(ours, theirs, strict=True)
    for a, b in pairs:
        assert a.class_names == b.class_names
        if name == "image":
            assert a.file_paths == b.file_paths
        batches = list(b)
        assert len(a) == len(batches)
        for i, expected in enumerate(batches):
            found, expected = (t if isinstance(t, tuple) else (t,) for t in (a[i], expected))
            assert len(found) == len(expected)
            for x, y in zip(found, expected, strict=True):
                same(x, y.numpy(), atol)


def same(x, y, atol):
    if y.dtype == object or isinstance(y, bytes):
        np.testing.assert_array_equal(x, np.vectorize(bytes.decode, otypes=[object])(y))
    else:
        y = y.astype("float32") if y.dtype == "uint8" else y  # of "nearest"; ours are always floats
        assert np.asarray(x).dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=atol)


HOW = {
    "plain": {},
    "one-hot": {"label_mode": "categorical", "batch_size": 4},
    "no labels": {"label_mode": None, "batch_size": 5},
    "classes": {"class_names": ["emu", "cat"], "label_mode": "binary"},
    "single": {"batch_size": None},
    "training": {"validation_split": 0.3, "subset": "training"},
    "both": {"validation_split": 0.3, "subset": "both", "batch_size": 2},
}


@pytest.mark.parametrize("name", HOW)
def test_folders_of_images(images, name):
    agree("image", images, image_size=(6, 8), **HOW[name])


@pytest.mark.parametrize(
    "how",
    [
        {"color_mode": "rgba"},
        {"color_mode": "grayscale", "atol": 1.01},  # Pillow and libpng round to whole shades
        {"interpolation": "nearest"},
        {"crop_to_aspect_ratio": True},
        {"data_format": "channels_first"},
        {"labels": [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]},  # the hidden one, too
    ],
    ids=lambda how: next(iter(how)),
)
def test_how_images_are_read(images, how):
    agree("image", images, image_size=(6, 8), **how)


@pytest.mark.parametrize("how", [{}, {"max_length": 9, "batch_size": 3}, {"labels": None}])
def test_folders_of_texts(texts, how):
    agree("text", texts, **how)


def test_what_is_printed(images, capsys):
    how = {"image_size": (4, 4), "seed": 1, "validation_split": 0.25, "subset": "both"}
    printed = []
    for k in (db, keras):
        k.utils.image_dataset_from_directory(images, **how)
        printed.append(capsys.readouterr().out.splitlines())
    assert printed[0] == printed[1]
