from __future__ import annotations

import numpy as np

from tgan_tf.data.opaque import OpaqueRows, opaque


def test_transparent_images_are_seen_on_white() -> None:
    pixel = np.array(
        [[[[100, 0, 200, 0]]], [[[100, 0, 200, 255]]], [[[100, 0, 200, 51]]]], np.uint8
    )
    expected = [[255, 255, 255], [100, 0, 200], [224, 204, 244]]
    assert opaque(pixel)[:, 0, 0].tolist() == expected
    grey = np.zeros((1, 2, 2, 1), np.uint8)
    assert opaque(grey) is grey


def test_every_colour_and_alpha_rounds_to_the_nearest() -> None:
    colour, alpha = np.meshgrid(np.arange(256), np.arange(256))
    images = np.stack([colour, colour, colour, alpha], axis=-1).astype(np.uint8)[None]
    expected = np.rint((colour * alpha + 255 * (255 - alpha)) / 255)
    np.testing.assert_array_equal(opaque(images)[0, ..., 0], expected)


def test_rows() -> None:
    images = np.random.default_rng(0).integers(0, 256, (9, 2, 3, 4), np.uint8)
    chosen = OpaqueRows(images, np.array([1, 3, 5, 8]))
    assert (chosen.shape, len(chosen), chosen.dtype) == ((4, 2, 3, 3), 4, np.uint8)
    np.testing.assert_array_equal(chosen[1:3], opaque(images[[3, 5]]))
    np.testing.assert_array_equal(chosen[np.array([3, 0])], opaque(images[[8, 1]]))
    assert [len(part) for part in chosen.batches(3)] == [3, 1]
    np.testing.assert_array_equal(
        np.concatenate(list(OpaqueRows(images).batches(4))), opaque(images)
    )
