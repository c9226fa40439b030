"""Images between files, Pillow and arrays."""

import io
import sys

import numpy as np
import pytest

from deepbasics import utils
from deepbasics.errors import MissingExtra

RNG = np.random.default_rng(0)
WHOLE = RNG.integers(0, 256, (5, 7, 3)).astype("uint8")


@pytest.fixture(autouse=True)
def pillow():
    return pytest.importorskip("PIL", reason="the extra images")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_an_image_that_is_saved_and_loaded_is_the_same(tmp_path, channels, data_format):
    x = RNG.integers(0, 256, (5, 7, channels)).astype("float32")
    x = x.transpose(2, 0, 1) if data_format == "channels_first" else x
    utils.save_img(tmp_path / "x.png", x, data_format, scale=False)
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    y = utils.img_to_array(utils.load_img(tmp_path / "x.png", mode), data_format)
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, x)


def test_values_are_spread_over_all_shades():
    y = utils.img_to_array(utils.array_to_img(np.array([[[-1.0], [0.0]], [[1.0], [3.0]]])))
    np.testing.assert_array_equal(y[..., 0], [[0, 63], [127, 255]])
    np.testing.assert_array_equal(utils.img_to_array(utils.array_to_img(np.ones((2, 2, 3)))), 0)


def test_a_jpeg_has_no_fourth_channel(tmp_path):
    with pytest.warns(UserWarning, match="no fourth channel"):
        utils.save_img(tmp_path / "x.jpg", RNG.random((4, 4, 4)))
    assert utils.load_img(tmp_path / "x.jpg").mode == "RGB"


def test_content_and_files_without_an_ending_need_a_format(tmp_path):
    file = io.BytesIO()
    utils.save_img(file, WHOLE, file_format="png", scale=False)
    loaded = utils.load_img(io.BytesIO(file.getvalue()))
    np.testing.assert_array_equal(utils.img_to_array(loaded, dtype="uint8"), WHOLE)


def test_what_is_no_image_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"of 3 axes; got shape \(2, 4, 4, 3\)"):
        utils.array_to_img(np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match="1, 3 or 4 channels; got 2"):
        utils.array_to_img(np.zeros((4, 4, 2)))
    with pytest.raises(ValueError, match=r"2 or 3 axes; got shape \(4,\)"):
        utils.img_to_array(np.zeros(4))
    with pytest.raises(ValueError, match=r"color_mode 'gray'\. Did you mean 'grayscale'"):
        utils.load_img(tmp_path / "x.png", "gray")
    with pytest.raises(ValueError, match=r"interpolation 'cubic'\. Did you mean 'bicubic'"):
        utils.load_img(tmp_path / "x.png", interpolation="cubic")


def test_without_pillow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r'pip install "deepbasics\[images\]"'):
        utils.array_to_img(WHOLE)
