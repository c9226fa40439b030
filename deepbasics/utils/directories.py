"""Folders of images or texts as batches for `fit`: a subfolder for each class."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepbasics import host_draws as host
from deepbasics import ops
from deepbasics.backends import registry
from deepbasics.data import PyDataset
from deepbasics.errors import as_count, unknown
from deepbasics.random.streams import as_seed, next_key
from deepbasics.utils.images import img_to_array, load_img
from deepbasics.utils.numerical import to_categorical

IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
TEXTS = (".txt",)
_SUBSETS = ("training", "validation", "both")
_LABELS = ("int", "categorical", "binary")


class Files(PyDataset):
    """Batches of what is in files, read when they are asked for.

    `class_names` are the classes in the order of their ids, `file_paths` the files, in the order of
    the first epoch; with a `key` each epoch has another one.
    """

    def __init__(
        self,
        read: Callable[[str], Any],
        file_paths: Sequence[str],
        labels: np.ndarray | None,
        class_names: list[str] | None,
        batch_size: int | None,
        key: Any = None,
    ) -> None:
        super().__init__()
        self.file_paths, self.labels, self.class_names = list(file_paths), labels, class_names
        self.batch_size = batch_size
        self._read, self._key, self._epoch = read, key, 0
        self._order = np.arange(len(self.file_paths))

    def __len__(self) -> int:
        return math.ceil(len(self.file_paths) / (self.batch_size or 1))

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} batches; there is none of index {index}.")
        size = self.batch_size
        chosen = self._order[index * (size or 1) :][: size or 1]
        x = np.stack([self._read(self.file_paths[i]) for i in chosen])
        if self.labels is None:
            return x if size else x[0]
        y = self.labels[chosen]
        return (x, y) if size else (x[0], y[0])

    def on_epoch_end(self) -> None:
        """Another order, where the files are shuffled."""
        if self._key is not None:
            self._epoch += 1
            n = len(self.file_paths)
            self._order = host.permutation(self._key, self._epoch * host.blocks(n), n)


def image_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the images in a folder, float32 from 0 to 255, all of one size.

    Args:
        directory: with a subfolder for each class; those in subfolders of these are taken too.
        labels: "inferred" from the subfolders; None for none; or a list, in the order of the paths.
        label_mode: "int" ids, "categorical" one-hot rows, "binary" 0.0 and 1.0 in a column, None.
        class_names: the subfolders to take, in the order of their ids; default all, sorted.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: images in a batch; None gives single images.
        image_size: (height, width) that images are resized to, by `interpolation`,
            `crop_to_aspect_ratio` and `pad_to_aspect_ratio` as of `ops.image.resize`.
        shuffle: whether each epoch has an order of its own, drawn from `seed`.
        validation_split: the fraction that is put aside; `subset` then says what to give:
            "training", "validation", or "both" as a pair. A shuffle needs a seed then.
        format: changes nothing; Keras' argument.
        verbose: whether to print how many files there are.

    Gives a `PyDataset` with `class_names` and `file_paths`. Reads .bmp, .gif, .jpeg, .jpg and .png;
    needs Pillow. Raises ValueError where there are none.
    """
    size = (image_size,) * 2 if isinstance(image_size, int) else tuple(image_size)
    how = {
        "interpolation": interpolation,
        "crop_to_aspect_ratio": crop_to_aspect_ratio,
        "pad_to_aspect_ratio": pad_to_aspect_ratio,
        "data_format": data_format,
    }

    def read(path: str) -> np.ndarray:
        image = img_to_array(load_img(path, color_mode), data_format, "float32")
        with registry.use_backend("numpy"):
            return ops.image.resize(image, size, **how)

    return _files(
        read, IMAGES, directory, labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, verbose,
    )  # fmt: skip


def text_dataset_from_directory(
    directory: str | os.PathLike,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Batches of the texts (.txt, UTF-8) in a folder: arrays of strings, for `TextVectorization`.

    `max_length`: characters that are kept of each. The rest as of `image_dataset_from_directory`.
    """

    def read(path: str) -> Any:
        return np.asarray(Path(path).read_bytes().decode()[:max_length], object)

    return _files(
        read, TEXTS, directory, labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, verbose,
    )  # fmt: skip


def _files(
    read: Callable[[str], Any], formats: tuple[str, ...], directory: Any, labels: Any,
    label_mode: str | None, class_names: Sequence[str] | None, batch_size: int | None,
    shuffle: bool, seed: int | None, split: float | None, subset: str | None, follow_links: bool,
    verbose: bool,
) -> Any:  # fmt: skip
    """The set of data, or the two of them."""
    if label_mode is not None and label_mode not in _LABELS:
        raise unknown("label_mode", label_mode, _LABELS)
    if batch_size is not None:
        as_count("batch_size", batch_size)
    _check_split(split, subset, shuffle, seed)
    labels = None if label_mode is None else labels
    paths, ids, names = _found(Path(directory), labels, formats, class_names, follow_links)
    if verbose:
        classes = "" if names is None else f" belonging to {len(names)} classes"
        print(f"Found {len(paths)} files{classes}.", flush=True)
    encoded = None if ids is None else _encoded(ids, label_mode, names)
    key = None
    if shuffle:
        key = next_key() if seed is None else (as_seed(seed), 0)
        order = host.permutation(key, 0, len(paths))
        paths = [paths[i] for i in order]
        encoded = None if encoded is None else encoded[order]
    aside = int(len(paths) * (split or 0))
    cut = len(paths) - aside
    parts = {None: slice(None), "training": slice(cut), "validation": slice(cut, None)}
    wanted = ("training", "validation") if subset == "both" else (subset,)
    found = []
    for name in wanted:
        chosen, part = paths[parts[name]], parts[name]
        if not chosen:
            raise ValueError(
                f"There are no {name + ' ' if name else ''}files ending in {', '.join(formats)} in "
                f"{os.fspath(directory)!r}."
            )
        if verbose and name:
            print(f"Using {len(chosen)} files for {name}.", flush=True)
        own = None if encoded is None else encoded[part]
        again = key if name != "validation" else None
        found.append(Files(read, chosen, own, names, batch_size, again))
    return found if subset == "both" else found[0]


def _check_split(split: float | None, subset: str | None, shuffle: bool, seed: Any) -> None:
    if subset is not None and subset not in _SUBSETS:
        raise unknown("subset", subset, _SUBSETS)
    if (split is None) != (subset is None):
        raise ValueError("validation_split and subset go together; only one was given.")
    if split is not None and not 0 < split < 1:
        raise ValueError(f"validation_split must be in (0, 1); got {split}.")
    if split is not None and shuffle and seed is None:
        raise ValueError(
            "validation_split with shuffle needs a seed, or images for training would be among "
            "those for validation."
        )


def _found(
    folder: Path,
    labels: Any,
    formats: tuple[str, ...],
    class_names: Sequence[str] | None,
    follow_links: bool,
) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """(the paths, their class ids, the names of the classes), the last two None without labels."""
    if isinstance(labels, str) and labels != "inferred":
        raise unknown("labels", labels, ("inferred",))
    if not isinstance(labels, str):
        if class_names is not None:
            raise ValueError('class_names are subfolders: they go with labels="inferred".')
        paths = _within(folder, formats, follow_links)
        if labels is None:
            return paths, None, None
        if len(labels) != len(paths):
            raise ValueError(f"There are {len(paths)} files in {str(folder)!r}; got {len(labels)} "
                             "labels.")  # fmt: skip
        ids = np.asarray(labels)
        return paths, ids.astype("int32"), [str(label) for label in sorted(set(ids.tolist()))]
    there = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    names = there if class_names is None else list(class_names)
    if not set(names) <= set(there):
        raise ValueError(f"class_names must be subfolders, of {there}; got {names}.")
    by_class = [_within(folder / name, formats, follow_links) for name in names]
    ids = np.repeat(np.arange(len(names), dtype="int32"), [len(found) for found in by_class])
    return [path for found in by_class for path in found], ids, names


def _within(folder: Path, formats: tuple[str, ...], follow_links: bool) -> list[str]:
    """The files in a folder and those below, by folder, then by name."""
    walk = sorted(os.walk(folder, followlinks=follow_links), key=lambda place: place[0])
    return [
        os.path.join(root, name)
        for root, _, names in walk
        for name in sorted(names)
        if name.lower().endswith(formats)
    ]


def _encoded(ids: np.ndarray, mode: str, names: Sequence[str] | None) -> np.ndarray:
    if mode == "int":
        return ids
    if mode == "categorical":
        return to_categorical(ids, len(names)).astype("float32")
    if len(names) != 2:
        raise ValueError(f'label_mode="binary" is for 2 classes; there are {len(names)}: {names}.')
    return ids.astype("float32")[:, None]
