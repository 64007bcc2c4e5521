import numpy as np
import pytest
from PIL import Image

from tgan_tf.data import pixels


def solid(mode, size, color):
    return Image.new(mode, size, color)


def row(image, channels, size=(4, 6), fit="crop"):
    return pixels.to_row(image, (*size, channels), fit)


@pytest.mark.parametrize(
    ("image", "channels", "expected"),
    [
        (solid("L", (6, 4), 77), 1, [77]),
        (solid("L", (6, 4), 77), 3, [77, 77, 77]),
        (solid("L", (6, 4), 77), 4, [77, 77, 77, 255]),
        (solid("1", (6, 4), 1), 3, [255, 255, 255]),
        (solid("RGB", (6, 4), (10, 20, 30)), 3, [10, 20, 30]),
        (solid("RGB", (6, 4), (255, 0, 0)), 1, [76]),  # 255 * 299 / 1000
        (solid("RGB", (6, 4), (10, 20, 30)), 4, [10, 20, 30, 255]),
        (solid("RGBA", (6, 4), (10, 20, 30, 0)), 3, [255, 255, 255]),  # over white
        (solid("RGBA", (6, 4), (0, 0, 0, 51)), 3, [204, 204, 204]),  # 255 * (1 - 51 / 255)
        (solid("RGBA", (6, 4), (0, 0, 0, 51)), 1, [204]),
        (solid("RGBA", (6, 4), (10, 20, 30, 40)), 4, [10, 20, 30, 40]),
        (solid("LA", (6, 4), (0, 0)), 1, [255]),
        (solid("CMYK", (6, 4), (0, 255, 255, 0)), 3, [255, 0, 0]),
        (solid("CMYK", (6, 4), (0, 0, 0, 255)), 1, [0]),
        (solid("I", (6, 4), 65535), 1, [255]),
        (solid("I", (6, 4), 257 * 9 + 128), 3, [9, 9, 9]),
        (solid("I;16", (6, 4), 257 * 9 + 129), 1, [10]),
        (solid("F", (6, 4), 0.2), 1, [51]),
        (solid("F", (6, 4), 300.0), 1, [255]),
    ],
)
def test_every_mode_becomes_the_channels_asked_for(image, channels, expected):
    result = row(image, channels)
    assert result.dtype == np.uint8
    assert result.shape == (4, 6, channels)
    np.testing.assert_array_equal(result, np.broadcast_to(expected, result.shape))


def test_transparent_palette_entry_is_composed_over_white():
    image = Image.new("P", (6, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    np.testing.assert_array_equal(row(image, 3)[0, 0], [10, 20, 30])
    image.info["transparency"] = 1
    np.testing.assert_array_equal(row(image, 3)[0, 0], [255, 255, 255])
    np.testing.assert_array_equal(row(image, 4)[0, 0, 3], 0)


def three_stripes():
    """RGB, 12 wide and 4 high: red, green and blue squares."""
    stripes = np.zeros((4, 12, 3), np.uint8)
    for stripe in range(3):
        stripes[:, 4 * stripe : 4 * stripe + 4, stripe] = 255
    return Image.fromarray(stripes)


def test_crop_keeps_the_centre():
    result = row(three_stripes(), 3, size=(4, 4), fit="crop")
    np.testing.assert_array_equal(result, np.broadcast_to([0, 255, 0], (4, 4, 3)))


def test_pad_keeps_everything_and_fills_with_white():
    result = row(three_stripes(), 3, size=(12, 12), fit="pad")
    np.testing.assert_array_equal(result[:4], 255)
    np.testing.assert_array_equal(result[8:], 255)
    np.testing.assert_array_equal(result[4:8], np.asarray(three_stripes()))
    transparent = row(three_stripes(), 4, size=(12, 12), fit="pad")
    np.testing.assert_array_equal(
        transparent[..., 3], np.repeat([0, 255, 0], 4)[:, None] + [0] * 12
    )


def test_stretch_ignores_the_aspect_ratio():
    result = row(three_stripes(), 3, size=(24, 12), fit="stretch")
    np.testing.assert_array_equal(result[::6], np.asarray(three_stripes()))


def test_making_smaller_is_antialiased():
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    result = row(Image.fromarray(checks.astype(np.uint8)), 1, size=(8, 8))
    assert np.abs(result[1:-1, 1:-1].astype(int) - 127).max() <= 3


def test_exif_orientation_is_applied(tmp_path):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:, :16, 0] = 255  # the left half is red
    turned = Image.fromarray(np.rot90(upright))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)

    assert pixels.header(tmp_path / "turned.png") == ((16, 32), True)
    image = pixels.image_from_file(tmp_path / "turned.png", (16, 32))
    np.testing.assert_array_equal(pixels.to_row(image, (16, 32, 3), "crop"), upright)


def test_large_jpeg_is_decoded_smaller_and_looks_the_same(tmp_path):
    ramp = np.linspace(0, 255, 512).astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp[:, None], (512, 512)).copy()).save(tmp_path / "a.jpg")
    image = pixels.image_from_file(tmp_path / "a.jpg", (32, 32))
    assert image.size == (64, 64)
    result = pixels.to_row(image, (32, 32, 1), "crop")
    np.testing.assert_allclose(result[:, 5, 0], ramp.reshape(32, 16).mean(1), atol=3)


@pytest.mark.parametrize(
    ("mode", "colour"),
    [("L", False), ("1", False), ("LA", False), ("I;16", False), ("RGB", True), ("RGBA", True)],
)
def test_colour_is_told_by_the_header(tmp_path, mode, colour):
    Image.new(mode, (6, 4)).save(tmp_path / "a.png")
    assert pixels.header(tmp_path / "a.png") == ((4, 6), colour)


@pytest.mark.parametrize(("palette", "colour"), [([7, 7, 7, 9, 9, 9], False), ([1, 2, 3], True)])
def test_palette_is_colour_unless_all_grey(tmp_path, palette, colour):
    image = Image.new("P", (6, 4))
    image.putpalette(palette)
    image.save(tmp_path / "a.png")
    assert pixels.header(tmp_path / "a.png")[1] is colour
