from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tgan_tf.modalities import pictures
from tgan_tf.modalities.pictures import GAP, legible_scale, save_png, tile


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_tile_places_every_image(channels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (5, 3, 4, channels), dtype=np.uint8)
    picture = tile(images, columns=2, scale=1)
    assert picture.shape == (3 * (3 + GAP) + GAP, 2 * (4 + GAP) + GAP, channels)
    for index, image in enumerate(images):
        top, left = GAP + index // 2 * (3 + GAP), GAP + index % 2 * (4 + GAP)
        np.testing.assert_array_equal(picture[top : top + 3, left : left + 4], image)
    assert (picture == 255).sum() == picture.size - images.size  # the rest is white


def test_scale_repeats_pixels():
    image = np.array([[[[10], [20]]]], np.uint8)
    np.testing.assert_array_equal(
        tile(image, scale=3)[GAP:-GAP, GAP:-GAP, 0], [[10, 10, 10, 20, 20, 20]] * 3
    )


@pytest.mark.parametrize(
    ("height", "width", "scale"), [(8, 8, 6), (28, 28, 2), (32, 32, 2), (64, 64, 1), (8, 512, 1)]
)
def test_small_images_are_enlarged(height, width, scale):
    assert legible_scale(height, width) == scale
    picture = tile(np.zeros((1, height, width, 1), np.uint8))
    assert picture.shape == (scale * height + 2 * GAP, scale * width + 2 * GAP, 1)


def test_about_as_many_columns_as_rows():
    assert tile(np.zeros((10, 64, 64, 1), np.uint8)).shape[1] == 4 * (64 + GAP) + GAP


def test_long_names_take_several_lines():
    images = np.zeros((2, 8, 8, 3), np.uint8)
    width = tile(images, 1).shape[1]

    def names(*given: str) -> np.ndarray:
        return pictures.with_row_names(tile(images, 1), given)[:, :-width]

    long = names("a", 12 * "long names ")
    assert long.shape[1] < 2 * names("a", 3 * "long names ").shape[1]
    top, bottom = ((half < 128).any(axis=(1, 2)) for half in np.split(long, 2))
    assert top.sum() < 15 < 25 < bottom.sum()  # rows of pixels with ink: of one line, of three


def test_nothing_to_show():
    with pytest.raises(ValueError, match="no images"):
        tile(np.zeros((0, 4, 4, 1), np.uint8))


def test_png_is_written_beside_and_renamed(tmp_path, monkeypatch):
    picture = np.full((4, 4, 3), 7, np.uint8)
    path = save_png(picture, tmp_path / "a.png")

    def fails(self, file, **options):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pictures.Image.Image, "save", fails)
    with pytest.raises(OSError, match="disk full"):
        save_png(picture + 1, path)
    assert list(tmp_path.iterdir()) == [path]
    np.testing.assert_array_equal(np.asarray(Image.open(path)), picture)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_film_has_its_frames(channels: int, tmp_path: Path) -> None:
    frames = [np.full((6, 4, channels), value, np.uint8) for value in (0, 128, 255)]
    with Image.open(pictures.save_film(frames, tmp_path / "new" / "film.png", 0.05)) as film:
        assert film.n_frames == 3
        assert film.info["duration"] == 50
        for index, frame in enumerate(frames):
            film.seek(index)
            np.testing.assert_array_equal(np.asarray(film).reshape(frame.shape), frame)
