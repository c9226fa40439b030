"""What each data set holds, and which files are refused."""

import gzip
import hashlib
import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from deepbasics.datasets import body_measures, churn, digits, mnist, pima, xor


def test_mnist_holds_70000_digits_of_28_by_28(real_data):
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28)
    assert x_test.shape == (10000, 28, 28)
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (x_train.max(), round(float(x_train.mean()), 3)) == (255, 33.318)
    x_train[0] = 0  # the arrays are the caller's own


def test_pima_holds_768_rows_of_8_features(real_data):
    x, y = pima.load_data()
    assert (x.shape, x.dtype) == ((768, 8), np.float64)
    assert (y.shape, y.dtype) == ((768,), np.int64)
    assert np.bincount(y).tolist() == [500, 268]
    assert x[0].tolist() == [6, 148, 72, 35, 0, 33.6, 0.627, 50]
    assert len(pima.FEATURES) == 8


def test_churn_is_a_frame_of_10000_customers(real_data):
    pytest.importorskip("pandas", reason="needs pandas")
    frame = churn.load_data()
    assert frame.shape == (10000, 14)
    assert frame["Exited"].sum() == 2037
    assert frame["CustomerId"].iloc[[0, -1]].tolist() == [15634602, 15628319]
    assert sorted(frame["Geography"].unique()) == ["France", "Germany", "Spain"]
    assert frame["Balance"].dtype == np.float64


def test_churn_without_pandas_is_a_dict_of_columns(real_data):
    columns = churn.load_data(as_frame=False)
    assert list(columns)[::13] == ["RowNumber", "Exited"]
    assert columns["Gender"][:2].tolist() == ["Female", "Female"]
    assert columns["Age"].dtype == np.int64
    assert {len(c) for c in columns.values()} == {10000}


def test_churn_says_which_extra_a_frame_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r'pip install "deepbasics\[recipes\]"'):
        churn.load_data()


def test_digits_says_which_extra_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "deepbasics\[recipes\]"'):
        digits.load_data()


def test_digits_are_split_the_same_way_each_time():
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, x_test.shape) == ((1437, 8, 8), (360, 8, 8))
    assert (y_train.shape, y_test.shape) == ((1437,), (360,))
    assert x_train.dtype == y_train.dtype == np.uint8
    assert x_train.max() == 16
    assert y_test[:5].tolist() == [2, 3, 4, 5, 6]


def test_xor_is_true_where_the_inputs_differ():
    x, y = xor.load_data()
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == [[0], [1], [1], [0]]


def test_body_measures_are_the_same_bits_on_every_machine():
    x, y = body_measures.load_data()
    digest = hashlib.sha256(x.astype("<f8").tobytes()).hexdigest()
    assert digest == "6cb029eb56b99fe0442fcd6a902b3861bc52d8bc294e33b9fc1a4db5361a5c74"
    assert y.tolist() == [0] * 500 + [1] * 500


def test_body_measures_differ_between_the_groups_by_one_each():
    x, y = body_measures.load_data(n=200_000)
    standard_error = np.sqrt(2 / 100_000)
    shift = x[y == 0].mean(0) - x[y == 1].mean(0)
    np.testing.assert_allclose(shift, [1, 1, -1], atol=4 * standard_error)
    np.testing.assert_allclose(x[y == 1].std(0), 1, atol=0.01)


def test_body_measures_depend_on_the_seed():
    assert not np.array_equal(
        body_measures.load_data(seed=0)[0], body_measures.load_data(seed=1)[0]
    )


def test_body_measures_of_fewer_than_two_people_are_refused():
    with pytest.raises(ValueError, match="n=1"):
        body_measures.load_data(n=1)


def _idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.tobytes())


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda raw: raw[: len(raw) // 2], "do not unpack as gzip"),
        (lambda raw: raw[:30] + bytes([raw[30] ^ 255]) + raw[31:], "do not unpack as gzip"),
        (lambda raw: b"<html>not found</html>", "do not unpack as gzip"),
        (lambda raw: b"", "the MD5 of its uncompressed content"),
        (lambda raw: _idx(np.zeros((3, 28, 28), np.uint8)), "the MD5 of its uncompressed content"),
    ],
    ids=["truncated", "damaged", "a web page", "empty", "another array"],
)
def test_mnist_refuses_a_wrong_file_by_its_path(damage, reason, tmp_path, monkeypatch):
    good = _idx(np.arange(28 * 28, dtype=np.uint8).reshape(1, 28, 28))
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(good))
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=reason) as caught:
        mnist.load_data()
    assert str(path) in str(caught.value)


def test_mnist_files_may_be_packed_in_any_way(real_data, tmp_path, monkeypatch):
    for name in mnist.SOURCE.readers:
        content = gzip.decompress((real_data / "mnist" / name).read_bytes())
        (tmp_path / name).write_bytes(gzip.compress(content, compresslevel=1))
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path))
    assert mnist.load_data()[1][1].shape == (10000,)


def test_pima_refuses_a_changed_file(tmp_path, monkeypatch):
    (tmp_path / "pima-indians-diabetes.csv").write_text("6,148,72,35,0,33.6,0.627,50,1\n")
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"SHA256 of its content .* expected 6bfe5d0f"):
        pima.load_data()


@pytest.mark.parametrize("end", [b"\r\n", b"\n\n", b""], ids=["Windows", "longer", "cut"])
def test_pima_takes_any_line_ends(end, real_data, tmp_path, monkeypatch):
    raw = next(real_data.glob("**/pima-indians-diabetes.csv")).read_bytes().rstrip(b"\n")
    raw = raw.replace(b"\n", end if end == b"\r\n" else b"\n") + end
    (tmp_path / "pima-indians-diabetes.csv").write_bytes(raw)
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path))
    assert pima.load_data()[0].shape == (768, 8)


def _churn(raw: bytes, tmp_path, monkeypatch) -> dict[str, np.ndarray]:
    (tmp_path / "Churn_Modelling.csv").write_bytes(raw)
    monkeypatch.setenv("DEEPBASICS_DATA", str(tmp_path))
    return churn.load_data(as_frame=False)


@pytest.mark.parametrize(
    "variant",
    [
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: b"\xef\xbb\xbf" + raw + b"\n",
        lambda raw: raw.replace(b"Hargrave", b"Hargr\xe9ve", 1),
    ],
    ids=["CRLF", "byte-order mark and empty line", "surname in Latin-1"],
)
def test_churn_takes_the_copies_that_differ_in_form_only(variant, real_data, tmp_path, monkeypatch):
    raw = (real_data / "Churn_Modelling.csv").read_bytes()
    assert _churn(variant(raw), tmp_path, monkeypatch)["Exited"].sum() == 2037


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda raw: raw[: len(raw) // 2], "a line has [0-9]+ fields, expected 14"),
        (lambda raw: raw.replace(b",1\n", b",0\n", 1), "2036 exited"),
        (lambda raw: raw.replace(b"83807.86", b"83807.87", 1), "the SHA256 of its values"),
        (lambda raw: raw.replace(b",619,", b",,", 1), "invalid literal"),
        (lambda raw: raw.replace(b"CreditScore", b"Score", 1), "its first line is not"),
        (lambda raw: raw[: raw.index(b"\n") + 1], "it holds 0 rows"),
        (lambda raw: b"", "its first line is not"),
    ],
    ids=["truncated", "a label", "a cent", "a gap", "another header", "header alone", "empty"],
)
def test_churn_refuses_a_changed_file(damage, reason, real_data, tmp_path, monkeypatch):
    raw = (real_data / "Churn_Modelling.csv").read_bytes()
    with pytest.raises(ValueError, match=reason) as caught:
        _churn(damage(raw), tmp_path, monkeypatch)
    assert str(tmp_path / "Churn_Modelling.csv") in str(caught.value)


@pytest.mark.parametrize("module", [mnist, pima, churn], ids=lambda m: m.__name__[20:])
def test_offline_and_missing_says_what_goes_where(module: ModuleType, cache, nowhere):
    with pytest.raises(FileNotFoundError) as caught:
        replace(module.SOURCE, origins=(nowhere,)).load()
    first = next(iter(module.SOURCE.readers))
    assert str(cache / module.SOURCE.dataset / first) in str(caught.value)
    assert all(name in str(caught.value) for name in module.SOURCE.readers)


@pytest.mark.parametrize("module", [mnist, pima, churn], ids=lambda m: m.__name__[20:])
def test_a_file_has_more_than_one_origin_and_all_are_encrypted(module: ModuleType):
    origins = module.SOURCE.origins
    assert len(set(origins)) == len(origins) >= 2
    assert all(o.startswith("https://") and o.endswith("/") for o in origins)


def test_importing_the_data_sets_imports_no_extra():
    code = (
        "import sys, deepbasics.datasets;"
        "print({'pandas', 'sklearn', 'filelock', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
