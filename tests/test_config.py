"""The configuration: one tree, and its four forms (objects, flags, JSON, flag files) agree."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from absl import app, flags, logging

from tests.tokens import text_config
from tgan_tf import config as config_module
from tgan_tf.config import (
    Config,
    ConfigError,
    define_flags,
    from_flags,
)
from tgan_tf.config.defaults import defaults_of
from tgan_tf.presets import PRESETS

CONFIGS = Path(__file__).parents[1] / "configs"
DEFAULT = Config()
LEAVES = {
    leaf.name: (section.name, leaf)
    for section in dataclasses.fields(Config)
    for leaf in dataclasses.fields(getattr(DEFAULT, section.name))
}
FLAGS = {name: leaf for name, (_, leaf) in LEAVES.items() if not leaf.metadata["resolved"]}

CHANGED = {
    "dataset": "folder:/pictures of cats, and #dogs",
    "data_dir": "/a b/'c' \"d\"",
    "image_size": (24, 32),
    "channels": 3,
    "conditional": False,
    "mirror": True,
    "val_fraction": 0.123456789012345,
    "g_widths": (8, 8, 4),
    "g_depths": (2, 1, 0),
    "g_windows": (0, 2, 4),
    "g_heads": (4, 2, 1),
    "d_kind": "conv",
    "augment": ("translation", "color"),
    "export": (),
    "g_lr": 1e-5,
    "r1_gamma": 1 / 3,
    "seed": 2**31 - 1,
}
"""Every type of leaf, with values that are hard to quote or to print."""


def value_of(config: Config, name: str):
    return getattr(getattr(config, LEAVES[name][0]), name)


def parsed(*arguments: str) -> Config:
    values = flags.FlagValues()
    define_flags(values)
    assert len(values(["train.py", *arguments])) == 1
    return from_flags(values)


class TestTree:
    def test_leaf_names_are_unique(self):
        sections = [getattr(DEFAULT, section.name) for section in dataclasses.fields(Config)]
        assert sum(len(dataclasses.fields(section)) for section in sections) == len(LEAVES)

    def test_every_leaf_has_help(self):
        assert all(leaf.metadata["help"] for _, leaf in LEAVES.values())

    def test_flags_do_not_collide_with_those_of_absl(self):
        values = flags.FlagValues()
        app.define_help_flags()
        for module in (app, logging):
            for flag in flags.FLAGS.get_flags_for_module(module):
                values[flag.name] = flag
        assert "verbosity" in values
        define_flags(values)
        values(["train.py"])
        assert from_flags(values) == DEFAULT

    def test_is_frozen_and_hashable(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            DEFAULT.data.mirror = True  # type: ignore[misc]
        with pytest.raises(dataclasses.FrozenInstanceError):
            DEFAULT.data = config_module.DataConfig()  # type: ignore[misc]
        assert {DEFAULT: 1}[Config()] == 1

    def test_replace_leaves_the_original_alone(self):
        changed = DEFAULT.replace(batch_size=32, g_depths=(2, 2))
        assert changed.training.batch_size == 32
        assert changed.generator.g_depths == (2, 2)
        assert Config() == DEFAULT != changed
        assert changed.data is DEFAULT.data

    def test_import_does_not_start_tensorflow(self):
        code = "import sys, tgan_tf.config; sys.exit('tensorflow' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestRoundTrips:
    @pytest.fixture(params=["default", "changed", "resolved"])
    def config(self, request):
        if request.param == "default":
            return DEFAULT
        changed = DEFAULT.replace(**CHANGED)
        if request.param == "changed":
            return changed
        return changed.replace(conditional=True).resolve(
            image_size=(24, 32), channels=3, num_classes=2, class_names=["cat, grey", "dog "]
        )

    def test_dict(self, config):
        tree = config.to_dict()
        assert Config.from_dict(tree) == config
        assert json.loads(json.dumps(tree)) == tree

    def test_file(self, config, tmp_path):
        config.save(tmp_path / "config.json")
        assert Config.load(tmp_path / "config.json") == config
        assert [path.name for path in tmp_path.iterdir()] == ["config.json"]

    def test_file_of_an_earlier_version(self, config, tmp_path):
        """In which texts were made one by one, and music at once, under one name."""
        tree = config.to_dict()
        tree["generator"]["g_tokens"] = "one_by_one"
        del tree["objective"]["token_gradient"]
        (tmp_path / "config.json").write_text(json.dumps(tree))
        assert Config.load(tmp_path / "config.json").generator.g_tokens == "auto"

    @pytest.mark.parametrize("preset", ["dcgan", "gat_s"])
    def test_file_from_before_windows_suited_the_grid(self, preset, tmp_path):
        """Only a transformer keeps them: the others have no use for such an option."""
        config = Config.from_preset(preset)
        tree = config.to_dict()
        tree["generator"]["g_windows"] = [0] * len(config.generator.g_windows)
        if preset == "dcgan":
            tree["generator"] |= {"g_upsample": ["dense_shuffle"], "g_output": "conv"}
        (tmp_path / "config.json").write_text(json.dumps(tree))
        values = flags.FlagValues()
        define_flags(values)
        values(["train.py"])
        assert from_flags(values, base=Config.load(tmp_path / "config.json")) == config

    def test_files_from_before_pixels_were_interpolated(self, tmp_path):
        """What is made one by one, and video, have no use for it; images keep what they had."""
        path, old = tmp_path / "config.json", {"g_upsample": ["dense_shuffle"], "g_output": "conv"}

        def loaded(config: Config, **options: object) -> Config:
            tree = config.to_dict()
            tree["generator"] |= options
            path.write_text(json.dumps(tree))
            return Config.load(path)

        text = text_config()
        assert loaded(text, **old) == text
        clips = Config.for_dataset("video:x", g_windows=(0, 0), g_patch=4)
        clips = clips.resolve(modality="video", shape=(4, 16, 16, 1))
        assert loaded(clips, g_upsample=old["g_upsample"]) == clips
        image = DEFAULT.resolve(image_size=(16, 16), channels=1)
        kept = image.replace(g_upsample="dense_shuffle", g_output="conv")
        assert loaded(image, **old) == kept

    def test_flags(self, config):
        unresolved = config.replace(num_classes=0, class_names=())
        assert parsed(*config.to_flags()) == unresolved

    def test_flag_file(self, config, tmp_path):
        path = tmp_path / "flags.txt"
        path.write_text("# a comment\n\n" + "\n".join(config.to_flags()) + "\n")
        unresolved = config.replace(num_classes=0, class_names=())
        assert Config.from_flagfile(path) == unresolved
        assert Config.from_flagfile(path, "--batch_size=7", "--batch_size=9") == unresolved.replace(
            batch_size=9
        )

    def test_only_differences_are_written(self, config):
        names = {line.removeprefix("--no").lstrip("-").split("=")[0] for line in config.to_flags()}
        differing = {n for n in FLAGS if value_of(config, n) != value_of(DEFAULT, n)}
        assert names == differing

    def test_missing_leaves_take_their_defaults(self):
        assert Config.from_dict({"training": {"batch_size": 3}}) == DEFAULT.replace(batch_size=3)

    @pytest.mark.parametrize("name", FLAGS)
    def test_flags_have_the_types_and_defaults_of_the_tree(self, name):
        values = flags.FlagValues()
        define_flags(values)
        assert value_of(parsed(), name) == value_of(DEFAULT, name)
        assert FLAGS[name].metadata["help"] in values[name].help
        assert all(choice in values[name].help for choice in FLAGS[name].metadata["choices"])


class TestDefaults:
    """Of each kind of data they are what its flag file has."""

    def test_the_flagship_is_the_default(self):
        flagship = Config.from_flagfile(CONFIGS / "fashion_mnist.flags")
        default = Config.for_dataset("fashion_mnist", name="flagship", total_kimg=200)
        shape = {"image_size": (28, 28), "channels": 1, "num_classes": 10}
        assert default.resolve(**shape) == flagship.resolve(**shape)

    @pytest.mark.parametrize(
        ("file", "datasets"),
        [
            ("poems", ("poems:7", "code", "text:x.txt")),
            ("chorales", ("folk", "midi:x")),
            ("sines", ("sunspots", "series:x.csv")),
            ("moving_digits", ("moving:digits", "video:x")),
        ],
    )
    def test_kinds(self, file, datasets):
        config = Config.from_flagfile(CONFIGS / f"{file}.flags")
        for dataset in datasets:
            values = defaults_of(dataset)
            assert values == {name: value_of(config, name) for name in values}
            given = parsed(f"--dataset={dataset}", "--r1_gamma=0.7")
            assert given == Config.for_dataset(dataset, r1_gamma=0.7)
            assert given == DEFAULT.replace(dataset=dataset, **values | {"r1_gamma": 0.7})
            assert given.to_flags() == [f"--dataset={dataset}", "--r1_gamma=0.7"]
            assert Config.from_dict({"data": {"dataset": dataset}}).optimizer == given.optimizer

    def test_images_have_those_of_the_fields(self):
        for dataset in ("digits", "folder:poems", "npz:x", "tfds:mnist", "emoji"):
            assert not defaults_of(dataset)

    def test_help_says_them(self):
        values = flags.FlagValues()
        define_flags(values)
        text = "(for texts 0, music 0.05, time series 0.2, video 1)"
        assert values["r1_gamma"].help.endswith(text)
        assert values["mapping_layers"].help.endswith("(for texts 2)")

    @pytest.mark.parametrize("name", PRESETS)
    def test_presets_do_not_lean_on_them(self, name):
        kinds = [defaults_of(dataset) for dataset in ("poems", "folk", "sines", "video")]
        named = {
            *("total_kimg", "batch_size", "loss", "g_lr", "d_lr", "lr_final", "beta1", "beta2"),
            *("ema_half_life_kimg", "ema_ramp"),
        }
        objective = Config.from_preset(name).objective
        if objective.penalizes:
            named |= {"penalty", "penalty_every"}
        if objective.penalty == "finite_difference" and objective.penalizes:
            named |= {"penalty_sigma"}
        if objective.path_length_weight:
            named |= {"path_length_every"}
        assert not named.union(*kinds) - set(PRESETS[name])


class TestCoercion:
    @pytest.mark.parametrize(
        ("name", "given", "expected"),
        [
            ("image_size", "28", (28, 28)),
            ("image_size", 28, (28, 28)),
            ("image_size", ["20", "12"], (20, 12)),
            ("g_heads", 2, (2,)),
            ("batch_size", "32", 32),
            ("batch_size", 32.0, 32),
            ("total_kimg", 2, 2.0),
            ("augment", " cutout, translation", ("cutout", "translation")),
            ("augment", "", ()),
        ],
    )
    def test_what_is_meant_is_understood(self, name, given, expected):
        size = {"g_patch": 1, "g_windows": (0, 0)}
        value = value_of(DEFAULT.replace(**size | {name: given}), name)
        assert value == expected
        assert type(value) is type(expected)

    def test_paths_are_text(self, tmp_path):
        assert DEFAULT.replace(data_dir=tmp_path).data.data_dir == str(tmp_path)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("batch_size", 1.5),
            ("batch_size", float("inf")),
            ("batch_size", float("nan")),
            ("batch_size", True),
            ("batch_size", None),
            ("batch_size", "many"),
            ("g_lr", "fast"),
            ("g_lr", None),
            ("g_widths", (96.5, 48)),
            ("g_widths", "a,b"),
            ("g_widths", None),
            ("mirror", "yes"),
            ("mirror", 1),
            ("name", None),
            ("augment", (1,)),
        ],
    )
    def test_other_types_are_refused(self, name, value):
        with pytest.raises(ConfigError, match=f"--{name}="):
            DEFAULT.replace(**{name: value})


BOUNDED = [name for name, leaf in FLAGS.items() if leaf.metadata["choices"]]
LIMITS = [
    (name, limit)
    for name, leaf in FLAGS.items()
    for limit in ("low", "high", "above")
    if leaf.metadata[limit] is not None
]


class TestRanges:
    @pytest.mark.parametrize("name", BOUNDED)
    def test_every_choice_is_legal_and_no_other(self, name):
        is_tuple = isinstance(value_of(DEFAULT, name), tuple)
        # A few choices need company.
        company = {
            "precision": {"penalty": "exact"},
            "d_kind": {"d_backbone": "x"},
            "g_kind": {"mapping_layers": -1, "g_depths": (1, 1)},
        }.get(name, {})
        if name == "g_upsample":
            company = {"g_widths": 96, "g_depths": 1, "g_windows": 0}
        if name == "g_window_pattern":
            company = {"g_windows": (2, 2)}
        for choice in FLAGS[name].metadata["choices"]:
            value = (choice,) if is_tuple else choice
            assert value_of(DEFAULT.replace(**company | {name: value}), name) == value
        close = FLAGS[name].metadata["choices"][0] + "x"
        with pytest.raises(ConfigError, match=rf"--{name}=.*not one of.*did you mean"):
            DEFAULT.replace(**{name: (close,) if is_tuple else close})
        with pytest.raises(ConfigError, match=rf"--{name}=.*not one of"):
            DEFAULT.replace(**{name: ("?",) if is_tuple else "?"})

    @pytest.mark.parametrize(("name", "limit"), LIMITS)
    def test_limits(self, name, limit):
        bound = FLAGS[name].metadata[limit]
        step = 1 if isinstance(value_of(DEFAULT, name), int | tuple) else 1e-6
        outside = {"low": bound - step, "high": bound + step, "above": bound}[limit]
        default = value_of(DEFAULT, name)
        value = (outside,) * max(len(default), 1) if isinstance(default, tuple) else outside
        with pytest.raises(ConfigError, match=f"--{name}=.*must be"):
            DEFAULT.replace(**{name: value})

    @pytest.mark.parametrize("name", [n for n in FLAGS if isinstance(value_of(DEFAULT, n), float)])
    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_numbers_are_finite(self, name, value):
        with pytest.raises(ConfigError, match=f"--{name}="):
            DEFAULT.replace(**{name: value})

    @pytest.mark.parametrize("text", ["a\nb", " a", "a ", "a\n--seed=3"])
    def test_text_survives_a_flag_file(self, text):
        with pytest.raises(ConfigError, match="--name="):
            DEFAULT.replace(name=text)


class TestContradictions:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"image_size": (8, 8, 1)}, "--image_size.*H,W"),
            ({"image_size": (8, 0)}, "--image_size.*both"),
            ({"g_widths": (8,)}, "--g_widths.*--g_depths.*--g_windows.*every stage"),
            ({"g_widths": (), "g_depths": (), "g_windows": ()}, "--g_widths"),
            ({"g_heads": (1, 2, 3)}, "--g_heads.*one number"),
            ({"g_heads": ()}, "--g_heads.*one number"),
            ({"g_heads": (4, 5)}, "--g_heads=5 does not divide --g_widths=48"),
            ({"d_width": (96, 98), "d_depth": (1, 1)}, "--d_heads=4 does not divide --d_width=98"),
            ({"d_width": (96, 48), "d_depth": (1, 1)}, "--d_width.*never narrower"),
            ({"d_width": (96, 96)}, "--d_width.*--d_depth.*every stage of the discriminator"),
            ({"d_width": (), "d_depth": ()}, "--d_width.*--d_depth"),
            ({"d_window": (2, 2)}, "--d_window.*one for every stage"),
            ({"d_kind": "conv", "d_width": (8, 8)}, "--d_width.*conv takes one number"),
            ({"d_stem": "overlap", "d_patch": 7}, "--d_patch=7.*even"),
            ({"g_upsample": ("shuffle", "shuffle")}, "--g_upsample=shuffle,shuffle.*2 stages"),
            ({"g_upsample": "shuffle"}, "shuffle makes 24 channels of 96, not --g_widths=48.*2"),
            ({"g_upsample": "bicubic"}, "bicubic makes 96 channels of 96, not --g_widths=48"),
            ({"g_modulation": False, "g_input": "constant"}, "--nog_modulation.*--g_latent_tok"),
            ({"g_window_pattern": "double", "g_windows": (0, 0)}, "=double has no effect without"),
            (
                {"g_window_pattern": "double", "g_windows": (0, 2), "g_attention": "l2"},
                "--g_window_pattern=double --g_attention=l2: use softmax",
            ),
            (
                {"g_window_pattern": "double", "g_windows": (0, 2), "g_heads": 3},
                "--g_window_pattern=double --g_heads=3: .* even number",
            ),
            (
                {"g_window_pattern": "multi_axis", "g_windows": (2, 2), "g_relative_bias": True},
                "multi_axis has no --g_relative_bias",
            ),
            ({"g_mlp_stages": 3}, "--g_mlp_stages=3: there are 2 stages"),
            ({"g_mlp_stages": 1, "g_windows": (0, 2)}, "--g_windows=0,2 --g_mlp_stages=1: .* 0"),
            (
                {"g_attention": "additive", "g_qk_norm": True, "g_position": "rotary"},
                "--g_attention=additive has no use for --g_qk_norm --g_position=rotary",
            ),
            ({"d_attention": "additive", "d_relative_bias": True}, "no use for --d_relative_bias"),
            ({"g_latent_position": True}, "--g_latent_position.*--g_latent_tokens"),
            ({"g_final_modulation": True, "g_final_norm": False}, "--g_final_modulation needs"),
            ({"g_final_modulation": True, "g_modulation": False}, "--g_final_modulation needs"),
            ({"d_heads": 5}, "--d_heads=5 does not divide --d_width=96"),
            ({"d_patch": 3}, "--d_patch=3.*power of 2.*--d_stem=patch"),
            ({"d_kind": "conv", "d_stem": "patch", "d_patch": 6}, "--d_patch=6.*power of 2"),
            ({"d_kind": "conv", "d_patch": 8, "d_width": 4}, "--d_width=4.*--d_patch=8.*at least"),
            ({"g_mlp_ratio": 0.02}, "--g_mlp_ratio=0.02: .* width 48 .* at least 0.021"),
            ({"d_mlp_ratio": 0.01}, "--d_mlp_ratio=0.01: .* width 96 .* at least"),
            ({"loss": "wasserstein", "r1_gamma": 0}, "--loss=wasserstein.*--r1_gamma"),
            ({"d_minibatch_std": 1}, "--d_minibatch_std=1: .* use 4, or 0"),
            (
                {"d_minibatch_std": 5},
                "--d_minibatch_std=5 .*--batch_size=64; .*=60 or 65, ",
            ),
            ({"d_minibatch_std": 8, "batch_size": 4}, "--d_minibatch_std=8 .*--batch_size=8, "),
            ({"d_pack": 3}, "--d_pack=3 .*--batch_size=64; .*=63 or 66, "),
            ({"d_pack": 2, "d_minibatch_std": 4}, "--d_minibatch_std=4 --d_pack=2: both"),
            ({"top_k": 0.5, "d_pack": 2}, "--top_k=0.5 --d_pack=2"),
            ({"micro_batches": 3}, "--micro_batches=3 does not divide --batch_size=64"),
            ({"micro_batches": 2, "loss": "dual_contrastive"}, "--micro_batches=2 --loss=dual"),
            ({"d_kind": "frozen"}, "--d_kind=frozen needs .* give --d_backbone"),
            ({"align_weight": 1}, "--align_weight=1 needs .* give --d_backbone"),
            ({"align_weight": 1, "d_kind": "conv"}, "--align_weight=1 .* --d_kind=transformer"),
            ({"d_kind": "frozen", "d_backbone": "x", "d_pack": 2}, "--d_kind=frozen --d_pack=2"),
            ({"d_kind": "frozen", "d_backbone": "x", "channels": 4}, "--d_backbone=x sees RGB"),
            ({"ada_target": 0.6}, "--ada_target=0.6 has nothing to control: give --augment"),
            (
                {"ada_target": 0.6, "augment": "flip", "augment_p": 0.5},
                "--ada_target=0.6 controls the probability itself",
            ),
            ({"cr_real": 10, "cr_augment": ()}, "--cr_real.*give --cr_augment"),
            ({"top_k": 0.5, "d_minibatch_std": 4}, "--top_k=0.5 --d_minibatch_std=4"),
            ({"channels": 1, "augment": "hue"}, "--augment=hue.*RGB.*--channels=1"),
            ({"channels": 1, "cr_augment": "color"}, "--cr_augment=color.*RGB"),
            ({"precision": "mixed_float16"}, "--precision=mixed_float16.*--penalty=exact"),
            ({"channels": 2}, "--channels=2"),
            ({"channels": 1, "augment": "color"}, "--augment=color.*RGB.*--channels=1"),
            ({"channels": 4, "augment": "color"}, "--augment=color.*RGB.*--channels=4"),
        ],
    )
    def test_without_the_data(self, changes, message):
        with pytest.raises(ConfigError, match=message):
            DEFAULT.replace(**changes)

    @pytest.mark.parametrize(
        ("changes", "size", "message"),
        [
            ({}, (28, 30), "--image_size: the width 30 .*multiple of 4.*28 or 32"),
            ({}, (3, 28), "--image_size: the height 3 .*use --image_size with 4,"),
            (
                {"g_windows": (0, 7)},
                (32, 28),
                "--g_windows: the window 7 .*height of stage 2, 16 tokens.*divisor",
            ),
            ({"d_patch": 8}, (28, 28), "--d_patch=8 does not divide the height 28"),
            (
                {"d_width": (96, 192), "d_depth": (1, 1)},
                (28, 28),
                "--d_patch=4 becomes 8 .* --d_width=96,192, .* height 28; use fewer widths",
            ),
            ({"d_window": 2}, (28, 28), "--d_window=2.*7 tokens.*0 for global"),
        ],
    )
    def test_against_the_resolution(self, changes, size, message):
        config = DEFAULT.replace(**changes)
        with pytest.raises(ConfigError, match=message):
            config.resolve(image_size=size, channels=1)

    def test_the_patch_of_a_linear_stem_is_free(self):
        config = DEFAULT.replace(d_stem="patch", d_patch=7)
        assert config.resolve(image_size=(28, 28), channels=1).discriminator.d_patch == 7

    def test_the_ratio_that_an_error_names_works(self):
        for width in range(4, 1000, 4):
            with pytest.raises(ConfigError, match="--d_mlp_ratio=1e-05: ") as refused:
                DEFAULT.replace(d_width=width, d_mlp_ratio=1e-5)
            ratio = float(str(refused.value).split()[-1])
            legal = DEFAULT.replace(d_width=width, d_mlp_ratio=ratio)
            assert legal.discriminator.d_mlp_ratio == ratio

    def test_options_of_another_discriminator(self):
        known = ["--d_kind=conv", "--d_width=64", "--d_patch=2"]
        assert parsed(*known).discriminator.d_width == (64,)
        with pytest.raises(ConfigError, match=r"conv has no use for --d_depth=4 --d_stem=patch: "):
            parsed(*known, "--d_depth=4", "--d_stem=patch", "--d_heads=4")
        for flag in ("--d_heads=2", "--d_window=2", "--d_pool=class_token", "--d_qk_norm"):
            with pytest.raises(ConfigError, match="leave them out, or use --d_kind=transformer"):
                parsed(*known, flag)

    def test_a_vision_model_without_use(self):
        with pytest.raises(ConfigError, match=r"--d_backbone=x has no effect without --d_kind"):
            parsed("--d_backbone=x")
        with pytest.raises(ConfigError, match=r"--d_backbone_size has no effect without"):
            parsed("--d_backbone_size=8")
        with pytest.raises(ConfigError, match=r"frozen has no use for --d_depth=4"):
            parsed("--d_kind=frozen", "--d_backbone=x", "--d_width=64", "--d_depth=4")

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            ("--g_kind=dcgan --g_heads=2", "g_kind=dcgan has no use for --g_heads=2: it knows"),
            ("--g_group_width=8", "transformer has no use for .*, or use --g_kind=r3gan"),
            ("--g_kind=biggan", "--mapping_layers=0: the blocks of --g_kind=biggan see"),
            ("--g_kind=biggan --mapping_layers=-1 --latent_dim=7", "--latent_dim=7: .* a multiple"),
            ("--d_kind=biggan --d_attention_stage=2", "--d_attention_stage=2: there are 1 stages"),
            ("--d_kind=r3gan --d_width=8,8", "--d_width=8,8 --d_depth=3: give each one number"),
            ("--g_kind=r3gan --g_widths=10,8", "--g_group_width=16 does not divide 30"),
            ("--style_mixing=0.9", "only the layers of --g_kind=stylegan2"),
            ("--g_kind=dcgan --path_length_weight=2", "is for generators of .*, not dcgan"),
            ("--g_kind=dcgan --micro_batches=2", "--g_kind=dcgan normalises by the whole batch"),
            ("--g_kind=dcgan --d_kind=conv --remat", "--remat is for transformer blocks"),
            ("--path_length_every=2", "no effect without --path_length_weight"),
        ],
    )
    def test_convolutional_kinds(self, flags, message):
        with pytest.raises(ConfigError, match=message):
            parsed(*flags.split())

    def test_the_best_must_be_measured(self):
        with pytest.raises(ConfigError, match=r"--best_metric=recall is measured .* --eval_kimg"):
            parsed("--best_metric=recall")
        assert parsed("--best_metric=recall", "--eval_kimg=5").health.best_metric == "recall"

    @pytest.mark.parametrize(
        ("flag", "need"),
        [
            ("--augment_p=0.5", "augment"),
            ("--augment_cutout_p=0.3", "augment=cutout"),
            ("--ada_kimg=100", "ada_target"),
            ("--lecam_start_step=5", "lecam_weight"),
            ("--cr_augment=flip", "cr_real or --cr_fake"),
            ("--zcr_radius=0.1", "zcr_d or --zcr_g"),
            ("--reconstruction_weight=1", "given_frames"),
            ("--reconstruction_final=1", "given_frames"),
        ],
    )
    def test_options_without_what_they_are_of(self, flag, need):
        with pytest.raises(
            ConfigError, match=f"{flag.split('=')[0]} has no effect without --{need}"
        ):
            parsed(flag)

    def test_lazy_rates_of_penalties_that_are_not_lazy(self):
        with pytest.raises(ConfigError, match=r"--lazy_rates has no effect .*--penalty_every"):
            parsed("--lazy_rates", "--penalty_every=1")
        assert parsed("--lazy_rates", "--penalty_every=16").optimizer.lazy_rates

    def test_kinds_of_steps(self):
        config = DEFAULT.replace(d_steps=2, penalty_every=3)
        kinds = [config.kind_of_step(step) for step in range(6)]
        assert [penalize for penalize, *_ in kinds] == [True, False, False] * 2
        assert [train_g for _, train_g, _ in kinds] == [False, True] * 3
        assert not any(path for *_, path in kinds)
        config = config.replace(path_length_weight=1, path_length_every=2)
        paths = [config.kind_of_step(step)[2] for step in range(8)]
        assert paths == [False, True, False, False] * 2
        assert not DEFAULT.replace(r1_gamma=0, r2_gamma=0).kind_of_step(0)[0]

    def test_classes_without_condition(self):
        assert parsed("--noconditional", "--g_class_std=0.25").generator.g_class_std == 0.25
        with pytest.raises(ConfigError, match="--noconditional has no use for --g_class_std"):
            parsed("--noconditional", "--g_class_std=0.5")
        for option in ("condition_dropout", "ac_weight"):
            with pytest.raises(ConfigError, match=f"has no use for --{option}"):
                parsed("--noconditional", f"--{option}=0.5")

    def test_guidance_without_its_means(self):
        trained = {"guidance_high": 3, "condition_dropout": 0.1, "ac_weight": 1}
        DEFAULT.replace(**trained)
        for missing in ("condition_dropout", "ac_weight"):
            with pytest.raises(ConfigError, match=r"--guidance_high=3: .*give --condition_dropout"):
                DEFAULT.replace(**{**trained, missing: 0})
        with pytest.raises(ConfigError, match="--guidance_high=3: not with --g_kind=dcgan"):
            Config.from_preset("dcgan", **trained)
        with pytest.raises(ConfigError, match="--guidance_high=3: not with --g_tokens"):
            text_config(**trained)

    def test_classifier_of_what_has_no_class(self):
        shape = {"image_size": (8, 8), "channels": 1}
        config = DEFAULT.replace(ac_weight=1)
        assert config.resolve(**shape, attribute_names=("a", "b")).data.condition == "attributes"
        assert config.resolve(**shape, vector_width=3).data.condition == "vector"
        with pytest.raises(ConfigError, match="--ac_weight=1 --batch_size=1: there is no other"):
            config.replace(batch_size=1).resolve(**shape, vector_width=3)
        with pytest.raises(ConfigError, match="--ac_weight=1 --d_pack=2: several samples"):
            config.replace(d_pack=2)
        with pytest.raises(ConfigError, match="a model learns one of them"):
            DEFAULT.resolve(**shape, vector_width=3, num_classes=2)

    def test_half_precision_without_a_penalty(self):
        config = DEFAULT.replace(precision="mixed_bfloat16", r1_gamma=0, r2_gamma=0)
        assert config.training.precision == "mixed_bfloat16"


class TestPresets:
    @pytest.mark.parametrize("name", PRESETS)
    def test_is_legal_and_resolved(self, name):
        config = Config.from_preset(name)
        assert config.is_resolved
        assert {key: value_of(config, key) for key in PRESETS[name]} == PRESETS[name]
        assert parsed(f"--preset={name}") == config

    @pytest.mark.parametrize("name", PRESETS)
    def test_is_replayed_from_its_values(self, name, tmp_path):
        """Another version's preset may have other values: files hold the values themselves."""
        config = Config.from_preset(name, batch_size=96)
        assert parsed(*config.to_flags()) == config
        assert not any("--preset" in line for line in config.to_flags())
        config.save(tmp_path / "config.json")
        assert Config.load(tmp_path / "config.json") == config

    def test_flags_override_it_in_any_order(self):
        expected = Config.from_preset("transgan_cifar10", batch_size=7, mirror=False)
        given = ["--batch_size=7", "--nomirror"]
        assert parsed(*given, "--preset=transgan_cifar10") == expected
        assert parsed("--preset=transgan_cifar10", *given) == expected
        # Also where what is given is the default of the tree.
        default = DEFAULT.optimizer.g_lr
        assert parsed(f"--g_lr={default}", "--preset=transgan_cifar10").optimizer.g_lr == default

    def test_flag_file_names_one(self, tmp_path):
        path = tmp_path / "x.flags"
        path.write_text("--preset=transgan_stl10\n--seed=3\n")
        assert Config.from_flagfile(path) == Config.from_preset("transgan_stl10", seed=3)
        assert Config.from_flagfile(path, "--preset=transgan_cifar10") == Config.from_preset(
            "transgan_cifar10", seed=3
        )

    def test_flags_change_a_run_that_goes_on(self):
        """An option of texts, of a run whose data set is named by the run alone."""
        values = flags.FlagValues()
        define_flags(values)
        values(["train.py", "--sentence_encoder=none", "--total_kimg=7"])
        run = Config().replace(dataset="poems", batch_size=16)
        expected = run.replace(sentence_encoder="none", total_kimg=7.0)
        assert from_flags(values, base=run) == expected
        with pytest.raises(ConfigError, match="--sentence_encoder is for texts"):
            from_flags(values)

    def test_unknown(self):
        with pytest.raises(ConfigError, match="--preset=transgan: unknown; did you mean transgan_"):
            parsed("--preset=transgan")
        with pytest.raises(ConfigError, match="--preset=qqqq: unknown; there are transgan_cifar10"):
            Config.from_preset("qqqq")


class TestUnknown:
    def test_leaf(self):
        with pytest.raises(ConfigError, match="unknown option batchsize; did you mean batch_size"):
            DEFAULT.replace(batchsize=3)
        with pytest.raises(ConfigError, match=r"unknown option qqqq; .*--help"):
            DEFAULT.replace(qqqq=3)

    def test_section(self):
        with pytest.raises(ConfigError, match="unknown option trainin; did you mean training"):
            Config.from_dict({"trainin": {}})

    def test_leaf_in_another_section(self):
        with pytest.raises(ConfigError, match="data: unknown option g_lr"):
            Config.from_dict({"data": {"g_lr": 1e-3}})

    @pytest.mark.parametrize("tree", [[], 3, None, {"data": 3}, {"data": None}])
    def test_no_tree_at_all(self, tree):
        with pytest.raises(ConfigError, match="table"):
            Config.from_dict(tree)

    @pytest.mark.parametrize("text", ["{", "[]", ""])
    def test_damaged_file(self, tmp_path, text):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(ConfigError):
            Config.load(tmp_path / "config.json")

    def test_missing_file(self, tmp_path):
        with pytest.raises(ConfigError, match=r"nothing\.json"):
            Config.load(tmp_path / "nothing.json")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("--batchsize=3", "batchsize.*batch_size"),
            ("--batch_size=three", "--batch_size=three"),
            ("--batch_size=0", "--batch_size=0: must be at least 1"),
            ("batch_size=3", "'batch_size=3' is no flag"),
            ("--num_classes=3", "num_classes"),
        ],
    )
    def test_flag_file(self, tmp_path, text, message):
        path = tmp_path / "x.flags"
        path.write_text(f"--seed=1\n{text}\n")
        with pytest.raises(ConfigError, match=message):
            Config.from_flagfile(path)

    def test_missing_flag_file(self, tmp_path):
        with pytest.raises(ConfigError, match=r"nothing\.flags"):
            Config.from_flagfile(tmp_path / "nothing.flags")


class TestResolution:
    def test_fills_in_the_data(self):
        assert not DEFAULT.is_resolved
        config = DEFAULT.resolve(
            image_size=(28, 56), channels=1, num_classes=2, class_names=["a", "b"]
        )
        assert config.is_resolved
        assert config.data.image_size == (28, 56)
        assert (config.data.num_classes, config.data.class_names) == (2, ("a", "b"))

    def test_unconditional_forgets_the_classes(self):
        config = DEFAULT.replace(conditional=False).resolve(
            image_size=(28, 28), channels=1, num_classes=2, class_names=["a", "b"]
        )
        assert (config.data.num_classes, config.data.class_names) == (0, ())

    @pytest.mark.parametrize(
        ("size", "windows"),
        [((28, 28), (0, 7)), ((32, 32), (0, 8)), ((24, 40), (0, 4)), ((44, 44), (0, 0))],
    )
    def test_windows_suit_the_grid(self, size, windows):
        assert DEFAULT.resolve(image_size=size, channels=1).generator.g_windows == windows
        # A configuration that says itself what a sample is needs no resolution.
        assert DEFAULT.replace(image_size=size, channels=1).windows_of_stages == windows

    def test_windows_are_of_images(self):
        config = DEFAULT.resolve(modality="series", shape=(24, 1, 5))
        assert config.generator.g_windows == (0, 0)
        with pytest.raises(ConfigError, match=r"--g_windows=0,4: .* use 0"):
            DEFAULT.replace(g_windows=(0, 4)).resolve(modality="series", shape=(24, 1, 5))
        assert DEFAULT.replace(g_mlp_stages=1).generator.g_windows == (0, -1)

    def test_heads_of_stages(self):
        assert DEFAULT.generator.heads_of_stages == (4, 4)
        assert DEFAULT.replace(g_heads=(4, 2)).generator.heads_of_stages == (4, 2)

    @pytest.mark.parametrize(
        ("kimg", "batch", "steps"),
        [(180, 64, 2813), (0.064, 64, 1), (0.065, 64, 2), (1.001, 1, 1001), (1e-5, 1, 1)],
    )
    def test_total_steps(self, kimg, batch, steps):
        assert DEFAULT.replace(total_kimg=kimg, batch_size=batch).total_steps == steps

    def test_steps_of_an_interval(self):
        config = DEFAULT.replace(batch_size=64)
        assert (config.steps(2), config.steps(1e-6)) == (31, 1)
