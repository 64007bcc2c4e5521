"""What mistakes in options are called: by their flags, and by values as flags take them."""

from __future__ import annotations

import pytest

from tests.test_config import parsed
from tgan_tf.config import Config, ConfigError

SQUARE = {"image_size": (8, 8), "channels": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": (8, 8, 3)}, "--image_size=8,8,3: give H,W"),
        ({"image_size": (8, 0)}, "--image_size=8,0: give both"),
        (
            {"g_widths": (8, 4), "g_depths": (1,), "g_windows": (0, 2)},
            "--g_widths=8,4 --g_depths=1 --g_windows=0,2: give each",
        ),
        ({"g_widths": ()}, "--g_widths= --g_depths="),
        ({"g_heads": (2, 2, 2)}, "--g_heads=2,2,2: give one number"),
        ({"g_upsample": ("bicubic", "shuffle", "dense_shuffle")}, "--g_upsample=bicubic,shuffle,"),
        ({"d_width": (4, 8)}, "--d_width=4,8 --d_depth=3: give each"),
        ({"d_width": (8, 4), "d_depth": (1, 1), "d_heads": 2}, "--d_width=8,4: stages become"),
        ({"d_window": (2, 2)}, "--d_window=2,2: give one number"),
        ({"d_kind": "conv", "d_width": (4, 8)}, "--d_width=4,8: --d_kind=conv takes one number"),
    ],
)
def test_lists_are_shown_as_flags_take_them(changes, message):
    with pytest.raises(ConfigError) as refused:
        Config().replace(**changes)
    assert str(refused.value).startswith(message)
    assert "(" not in str(refused.value)


def test_options_of_other_data():
    with pytest.raises(ConfigError, match=r"--given_voices=0,2 is for --dataset=.*; leave"):
        parsed("--given_voices=0,2")


def test_several_kinds_of_condition():
    message = (
        "--dataset=digits: every sample has classes and a vector, .*; use data with one,"
        " or --noconditional"
    )
    with pytest.raises(ConfigError, match=message):
        Config().resolve(**SQUARE, num_classes=2, vector_width=3)
    alone = Config().replace(conditional=False).resolve(**SQUARE, num_classes=2, vector_width=3)
    assert alone.data.condition == ""
