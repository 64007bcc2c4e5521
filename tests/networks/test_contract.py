"""What every network promises, tried on every network and option.

The networks are tiny, in float64 and with random weights, none of them zero, so that an agreement
is to many digits and no gradient vanishes by chance.
"""

from __future__ import annotations

import functools
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tests.derivatives import assert_gradients
from tests.exporting.samplers import make_generator
from tests.games import state
from tgan_tf.config import PRECISIONS, Config
from tgan_tf.exporting import tflite
from tgan_tf.gan import TransformerGAN
from tgan_tf.networks import build_discriminator, build_encoder, build_generator
from tgan_tf.presets import PRESETS

SMALL = {
    "latent_dim": 6,
    "w_dim": 8,
    "mapping_layers": 1,
    "g_widths": (8, 4),
    "g_depths": (1, 1),
    "g_windows": (0, 2),
    "g_heads": 2,
    "g_mlp_ratio": 1.5,
    "d_width": 8,
    "d_depth": 2,
    "d_heads": 2,
    "d_mlp_ratio": 1.5,
    "d_patch": 2,
    "penalty": "exact",
    # Random weights as large as these would drive tanh to its ends.
    "g_output_activation": "linear",
}
WIDE = {"size": (12, 20), "channels": 3}
UNCONDITIONAL = {"classes": 0}
BACKBONE = Path(__file__).parents[1] / "oracles/vision/vit"

# Each option in at least one network, and some that might disturb each other together.
GENERATORS = {
    "plain": {},
    "relative_bias_qk_norm": {
        "g_relative_bias": True,
        "g_qk_norm": True,
        "g_norm": "layer",
        "g_activation": "gelu",
        **WIDE,
        **UNCONDITIONAL,
    },
    "l2_patch_output": {"g_attention": "l2", "g_output": "patch", **WIDE},
    "cross_attention": {"g_latent_tokens": 3},
    "constant_input": {"g_input": "constant", **UNCONDITIONAL},
    "one_stage": {"g_widths": 8, "g_depths": 2, "g_windows": 2, "mapping_layers": 0},
    "tanh": {
        "g_output": "patch",
        "g_widths": 4,
        "g_depths": 1,
        "g_windows": 0,
        "g_output_activation": "tanh",
    },
    "three_stages": {
        "g_widths": (8, 4, 4),
        "g_depths": (1, 0, 1),
        "g_windows": (0, 0, 4),
        "g_heads": (2, 1, 4),
        "g_patch": 1,
    },
    "all_at_once": {
        "g_relative_bias": True,
        "g_qk_norm": True,
        "g_attention": "l2",
        "g_latent_tokens": 2,
        "g_input": "constant",
        "g_output": "patch",
    },
}
SMALL_TRANSGAN_G = {
    "latent_dim": 6,
    "g_widths": (64, 16, 4),
    "g_depths": (1, 1, 1),
    "g_mlp_ratio": 1,
    "g_windows": (0, 0, 4),
}
SMALL_TRANSGAN_D = {"d_width": (4, 8), "d_depth": (1, 2), "d_mlp_ratio": 1}
FACES = {"g_upsample": ("bicubic", "smooth_shuffle"), "g_widths": (16, 16, 4), "g_latent_tokens": 3}
GENERATORS |= {
    "no_mapping": {"mapping_layers": -1, "g_init": "fan_in"},
    "transgan_cifar10": {"preset": "transgan_cifar10", **SMALL_TRANSGAN_G},
    "transgan_stl10": {"preset": "transgan_stl10", **SMALL_TRANSGAN_G, "size": (12, 20)},
    "transgan_church256": {
        "preset": "transgan_church256",
        **SMALL_TRANSGAN_G,
        **{"g_widths": (16, 16, 4), "g_upsample": ("bicubic", "shuffle")},
    },
    "transgan_celebahq256": {
        "preset": "transgan_celebahq256",
        **{**SMALL_TRANSGAN_G, **FACES},
        "g_depths": (0, 1, 1),
        "size": (8, 12),
    },
}
DISCRIMINATORS = {
    "plain": {},
    "layer_norm_gelu": {"d_norm": "layer", "d_activation": "gelu", **WIDE, **UNCONDITIONAL},
    "patch_stem": {"d_stem": "patch", "d_patch": 4, "d_relative_bias": True, **WIDE},
    "class_token": {"d_pool": "class_token"},
    "windows_qk_norm": {"d_window": 2, "d_relative_bias": True, "d_qk_norm": True},
    "l2": {"d_attention": "l2"},
    "all_at_once": {
        "d_stem": "patch",
        "d_window": 2,
        "d_pool": "class_token",
        "d_relative_bias": True,
        "d_qk_norm": True,
        "d_attention": "l2",
        **UNCONDITIONAL,
    },
    "minibatch_std": {"d_minibatch_std": 2},
    "pack": {"d_pack": 2, "d_noise": True, "channels": 3},
    "frozen": {"d_kind": "frozen", "d_backbone": BACKBONE, "d_backbone_size": 8, **WIDE},
    "conv": {"d_kind": "conv", "d_patch": 4},
    "conv_pack": {"d_kind": "conv", "d_patch": 4, "d_pack": 2, **UNCONDITIONAL},
    "conv_minibatch_std": {"d_kind": "conv", "d_patch": 4, "d_minibatch_std": 2},
    "conv_wide": {"d_kind": "conv", "d_patch": 4, **WIDE, **UNCONDITIONAL},
}
DISCRIMINATORS |= {
    "stages_conv_stem": {"d_width": (8, 8, 16), "d_depth": (1, 1, 1), "d_window": (2, 0, 0)},
    "transgan_cifar10": {"preset": "transgan_cifar10", **SMALL_TRANSGAN_D},
    "transgan_stl10": {"preset": "transgan_stl10", **SMALL_TRANSGAN_D, "size": (12, 20)},
    "transgan_church256": {
        "preset": "transgan_church256",
        **{"d_width": (4, 4, 8), "d_depth": (1, 1, 2), "d_mlp_ratio": 1, "d_patch": 2},
        "d_window": (2, 0, 0),
    },
    "transgan_celebahq256": {
        "preset": "transgan_celebahq256",
        **{"d_width": (4, 8, 8), "d_depth": (1, 1, 2), "d_mlp_ratio": 1},
        "d_window": (2, 0, 0),
        "size": (8, 12),
    },
}
GENERATORS |= {
    "fixed_positions_swiglu": {"g_position": "fixed", "g_activation": "swiglu"},
    "rotary_windows": {"g_position": "rotary", "g_heads": 1, **WIDE},
    "rotary_l2": {"g_position": "rotary", "g_attention": "l2", "g_heads": 1, "g_gate": True},
    "levels_tanh": {
        **{"g_levels": 2, "g_depths": 2, "g_widths": 4, "g_windows": 0, "g_output": "patch"},
        "g_output_activation": "tanh",
    },
    "gat": {
        "preset": "gat_s",
        **{"g_widths": 8, "g_depths": 4, "g_heads": 2, "g_windows": 0, "w_dim": 8},
        **{"latent_dim": 6, "penalty": "exact"},
    },
}
GENERATORS |= {
    "coordinate_output": {"g_output": "coordinate", **WIDE},
    "shuffled_pixels": {"g_output": "conv", "g_upsample": "dense_shuffle", **WIDE},
    "vitgan": {
        "preset": "vitgan_cifar10",
        **{"g_widths": 8, "g_depths": 2, "g_heads": 2, "latent_dim": 6, "w_dim": 8, "g_patch": 4},
    },
}
# Of other kinds of condition, and with a vector for none.
SQUARE = {"image_size": (8, 8), "channels": 1}
ATTRIBUTES = {"data": {**SQUARE, "attribute_names": ("bow", "hat")}, "condition_dropout": 0.1}
VECTOR = {"data": {**SQUARE, "vector_width": 3}}
GENERATORS |= {
    "attributes": {**ATTRIBUTES, **UNCONDITIONAL},
    "vector_no_mapping": {"mapping_layers": -1, **VECTOR, **UNCONDITIONAL},
}
DISCRIMINATORS |= {
    "vector": {**VECTOR, **UNCONDITIONAL},
    "conv_attributes": {"d_kind": "conv", "d_patch": 4, "d_pack": 2, **ATTRIBUTES, **UNCONDITIONAL},
}
SMALL_STYLESWIN = {
    **{"g_widths": (16, 8), "g_depths": (1, 1), "g_windows": (0, 2), "g_heads": 2},
    **{"mapping_layers": 1, "latent_dim": 6, "w_dim": 8},
    **{"d_width": (6, 6), "d_patch": 4, "d_minibatch_std": 2},
}
SMALL_HIT = {
    **{"g_widths": (8, 4), "g_depths": (1, 1), "g_windows": (2, 0), "g_heads": 2},
    **{"g_mlp_stages": 1, "g_latent_tokens": 3, "latent_dim": 6},
    **{"d_width": (6, 6), "d_patch": 4, "d_minibatch_std": 2},
}
SMALL_LADA = {
    **{"g_widths": (8, 4), "g_depths": (1, 1), "g_windows": (0, 0), "g_heads": 2, "g_patch": 2},
    **{"latent_dim": 6, "d_width": 8, "d_depth": 1, "d_heads": 2, "d_patch": 2},
}
GENERATORS |= {
    "styleswin": {"preset": "styleswin_ffhq256", **SMALL_STYLESWIN, "size": (8, 12)},
    "hit": {"preset": "hit_ffhq256", **SMALL_HIT, "size": (8, 12)},
    "lada": {"preset": "lada_cifar10", **SMALL_LADA, "size": (8, 12)},
    "additive_gate_levels": {
        **{"g_attention": "additive", "g_gate": True, "g_norm": "instance", "g_depths": (1, 2)},
        **{"g_levels": 2, "g_mlp_stages": 1, "g_latent_tokens": 2, "g_latent_attention": "stage"},
        **{"g_windows": (0, 0)},
    },
}
DISCRIMINATORS |= {
    # Small weights make logits small, and those of no class alike.
    "styleswin": {"preset": "styleswin_ffhq256", **SMALL_STYLESWIN, "conditional": True},
    "hit": {"preset": "hit_ffhq256", **SMALL_HIT, "conditional": True},
    "lada": {"preset": "lada_cifar10", **SMALL_LADA, "size": (8, 12)},
    "additive": {
        **{"d_attention": "additive", "d_noise": True, "d_pool": "class_token"},
        "d_activation": "gelu",
    },
    "spectral_norm": {
        **{"d_spectral_norm": "spectral", "d_activation": "gelu", "d_head": "linear"},
        **{**WIDE, **UNCONDITIONAL},
    },
    "conv_spectral_norm": {"d_kind": "conv", "d_patch": 4, "d_spectral_norm": "improved"},
    "vitgan": {"preset": "vitgan_cifar10", "d_width": 8, "d_depth": 2, "d_heads": 2},
    "rotary_windows_swiglu": {
        **{"d_position": "rotary", "d_window": 2, "d_activation": "swiglu", "d_heads": 1},
    },
    "fixed_positions": {"d_position": "fixed", "d_pool": "class_token"},
    "class_token_first": {"d_pool": "class_token_first", "d_layer_scale": 0.1},
    "gat": {"preset": "gat_s", "d_width": 8, "d_depth": 2, "d_heads": 2, "penalty": "exact"},
}
SERIES = {
    "data": {"modality": "series", "shape": (12, 1, 2), "channel_mean": (0, 0)}
    | {"channel_std": (1, 1)},
}
VIDEO = {
    **{"data": {"modality": "video", "shape": (4, 8, 16, 1)}, "g_motion_dim": 3, "d_frames": 2},
    **{"g_windows": (0, 0), "g_output": "patch", "d_depth": 1, "d_motion_depth": 1},
}
GENERATORS |= {
    "video": VIDEO,
    "video_conv": {
        **{**VIDEO, "g_output": "conv", "g_time_attention": False, "g_widths": 8, "g_depths": 1},
        **{"g_latent_tokens": 3, "g_moving_grid": True},
        "g_windows": 0,
        **UNCONDITIONAL,
    },
}
DISCRIMINATORS |= {"video": VIDEO, "video_stem": {**VIDEO, "d_stem": "patch", "d_pack": 2}}
GENERATORS |= {"series": {**SERIES, "g_windows": (0, 0), "g_output": "patch"}}
DISCRIMINATORS |= {"series": {**SERIES, "g_windows": (0, 0), "d_stem": "patch"}}
MUSIC = {
    **{"g_windows": (0, 0), "d_stem": "patch"},
    "data": {"modality": "music", "shape": (8, 3, 6)}
    | {"vocabulary": ("rest", "60", "61", "62", "63", "onset")},
}
# The generator's choices have no finite differences: tests/test_music.py.
DISCRIMINATORS |= {"music": MUSIC}
GENERATORS |= {
    "dcgan": {
        **{"g_kind": "dcgan", "g_widths": (6, 4), "mapping_layers": -1, **WIDE, **UNCONDITIONAL}
    },
    "biggan": {
        **{"g_kind": "biggan", "g_widths": (8, 6), "mapping_layers": -1, "w_dim": 3},
        **{"g_spectral_norm": True, "g_attention_stage": 1},
    },
    "stylegan2": {"g_kind": "stylegan2", "g_widths": (6, 4), "g_noise": True, **WIDE},
    "r3gan": {
        **{"g_kind": "r3gan", "g_widths": (6, 6, 4), "g_depths": (1, 0, 1), "g_mlp_ratio": 2},
        **{"g_group_width": 2, "mapping_layers": -1},
    },
}
DISCRIMINATORS |= {
    "biggan": {
        **{"d_kind": "biggan", "d_width": (4, 8), "d_depth": (1, 2), "d_attention_stage": 1},
        "d_spectral_norm": "spectral",
    },
    "stylegan2": {"d_kind": "stylegan2", "d_width": (6, 6), "d_minibatch_std": 2},
    "r3gan": {
        **{"d_kind": "r3gan", "d_width": (4, 6), "d_depth": (1, 1), "d_mlp_ratio": 2},
        **{"d_group_width": 2, **UNCONDITIONAL},
    },
}
TEXT = {
    **{"g_tokens": "at_once", "kl_weight": 1, "d_stem": "patch", "g_windows": (0, 0)},
    "data": {"modality": "text", "shape": (8, 1, 5), "vocabulary": tuple("abcde")},
}
ENCODERS = {"text": {**TEXT, **UNCONDITIONAL}}
KINDS = {"generator": GENERATORS, "discriminator": DISCRIMINATORS, "encoder": ENCODERS}
NETWORKS = [(kind, name) for kind, networks in KINDS.items() for name in networks]
every_network = pytest.mark.parametrize("network", NETWORKS, ids="-".join, indirect=True)
every_discriminator = pytest.mark.parametrize(
    "network", [n for n in NETWORKS if n[0] == "discriminator"], ids="-".join, indirect=True
)


def configure(kind: str, name: str, precision: str = "float64") -> Config:
    return small(KINDS[kind][name], precision)


def small(options: dict[str, object], precision: str) -> Config:
    options = dict(options)
    size, channels = options.pop("size", (8, 8)), options.pop("channels", 1)
    if preset := options.pop("preset", ""):
        # The other network as small as can be.
        other = {**SMALL_TRANSGAN_G, **SMALL_TRANSGAN_D, "g_upsample": "shuffle", "d_window": 0}
        if preset.startswith(("gat", "vitgan")):
            other = {"g_widths": 8, "g_depths": 4, "g_heads": 1}
            other |= {"d_width": 8, "d_depth": 1, "d_heads": 1}
        elif not preset.startswith("transgan"):
            other = {}  # both networks have their sizes
        options = {**PRESETS[preset], **other, "d_patch": 2, **options, "image_size": size}
        channels = 3
    data = options.pop("data", {"image_size": size, "channels": channels})
    classes = options.pop("classes", 3)
    return (
        Config()
        .replace(**{**({} if preset else SMALL), **options, "precision": precision})
        .resolve(**data, num_classes=classes)
    )


def make(config: Config, kind: str) -> keras.Model:
    makers = {"generator": build_generator, "discriminator": build_discriminator}
    return {**makers, "encoder": build_encoder}[kind](config)


# Of the loss in float16; the one that training starts from is too large for a few channels.
LOSS_SCALE = 2.0**7
SCALES = ("gain", "q_gain", "k_gain", "layer_scale", "first_sigma", "moving_variance")


class Case:
    """A network, inputs for it, and its outputs."""

    def __init__(self, kind: str, name: str) -> None:
        random = np.random.default_rng(0)
        self.kind, self.config = kind, configure(kind, name)
        self.model = make(self.config, kind)
        for weight in self.model.weights:
            around = float(weight.name.startswith(SCALES))
            # Layers that learn slowly have large weights, and scale them.
            spread = 30.0 if weight.numpy().std() > 10 else 0.3
            weight.assign(random.normal(around, spread, weight.shape))
        if spectral := getattr(self.model, "spectral", None):
            spectral.iterate()
        data = self.config.data
        shape = data.signal_shape
        self.shapes = [(self.config.generator.latent_dim,), shape]
        if kind != "generator":
            self.shapes = [shape, () if kind == "discriminator" else (2, self.shapes[0][0])]
        x = tf.constant(random.normal(size=(3, *self.shapes[0])))
        label = [tf.constant([2, 0, 1])] if data.condition else []
        if data.condition in ("attributes", "vector"):
            label = [tf.constant(random.normal(0, 2, (3, data.num_conditions)))]
        self.inputs = [x, *label]
        self.outputs = self.model(*self.inputs).numpy()


@functools.cache
def case(kind: str, name: str) -> Case:
    return Case(kind, name)


@pytest.fixture
def network(request) -> Case:
    """Built once for all tests, which must leave it as it is."""
    return case(*request.param)


@every_network
def test_shapes(network):
    assert network.outputs.shape == (3, *network.shapes[1])
    assert network.outputs.dtype == np.float64
    assert np.isfinite(network.outputs).all()
    # Examples differ, and so do the pixels of one.
    assert network.outputs.std(axis=0).min() > 1e-6
    if network.kind == "generator":
        assert network.outputs[0].std() > 1e-3
        assert {len(kernel) for kernel in network.model.kernels_of_w()} <= {network.model.w_dim}


@every_network
def test_any_batch_and_examples_are_independent(network):
    """Or groups of them, which nothing else may join."""
    d = network.config.discriminator
    group = d.d_minibatch_std or d.d_pack
    for i in range(0, 3, group):
        alone = network.model(*(tensor[i : i + group] for tensor in network.inputs))
        np.testing.assert_allclose(alone, network.outputs[i : i + group], rtol=1e-10, atol=1e-12)


@every_network
def test_depends_on_every_input(network):
    x, *label = network.inputs
    changed = network.model(x + 0.1, *label).numpy()
    assert (changed != network.outputs).reshape(3, -1).any(axis=1).all()
    if label:
        other = network.model(x, tf.roll(label[0], 1, axis=0)).numpy()
        assert (other != network.outputs).reshape(3, -1).any(axis=1).all()


@every_network
def test_round_trip(network, tmp_path: Path):
    """Through ``get_config``, ``from_config`` and the weights in a .keras file."""
    network.model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(network.model)
    assert again.config == network.config
    assert again.get_config() == network.model.get_config()
    assert [w.path for w in again.weights] == [w.path for w in network.model.weights]
    np.testing.assert_array_equal(again(*network.inputs), network.model(*network.inputs))


@every_network
def test_gradient_reaches_every_weight(network):
    """Of a random functional of the outputs: no weight that is trained is without effect."""
    functional = np.random.default_rng(1).normal(size=network.outputs.shape)
    weights = [weight.value for weight in network.model.trainable_variables]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(network.model(*network.inputs) * functional)
    untrained = {w.name for w in network.model.weights if not w.trainable}
    if spectral := getattr(network.model, "spectral", None):
        untrained -= {w.name for w in spectral.weights}
    # The published network has the first, and no use for it; the others are statistics.
    assert untrained <= {"noise_strength", "moving_mean", "moving_variance"}
    for weight, gradient in zip(
        network.model.trainable_variables, tape.gradient(total, weights), strict=True
    ):
        assert gradient is not None, weight.path
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all(), weight.path
        assert (gradient != 0).any(), weight.path


@every_network
def test_xla(network):
    compiled = tf.function(network.model, autograph=False, jit_compile=True)
    np.testing.assert_allclose(compiled(*network.inputs), network.outputs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("precision", [p for p in PRECISIONS if p != "float64"])
@every_network
def test_precision(network, precision):
    """Close to float64 with the same weights; D's logits are never in half precision."""
    config = network.config.replace(precision=precision)
    model = make(config, network.kind)
    model.set_weights(network.model.get_weights())
    assert {w.dtype for w in model.weights} == {"float32"}
    x, *label = network.inputs
    y = model(tf.cast(x, tf.float32), *label)
    assert y.dtype == (model.compute_dtype if network.kind == "generator" else tf.float32)
    error = (tf.cast(y, tf.float64) - network.outputs).numpy().std() / network.outputs.std()
    assert error < {"float32": 1e-5, "mixed_float16": 0.01, "mixed_bfloat16": 0.05}[precision]
    assert precision == "float32" or error > 1e-5


@every_discriminator
def test_second_derivative(network):
    """Of the gradient penalty with respect to every weight: what R1 trains on."""
    x, *label = network.inputs
    model = network.model

    def penalty() -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            total = tf.reduce_sum(model(x, *label))
        return tf.reduce_sum(tf.square(tape.gradient(total, x)))

    # The logit is linear in these, so the gradient that is penalised does not contain them.
    linear = {id(model.head.bias)}
    if model.config.discriminator.d_head == "linear" and hasattr(model, "norm"):
        linear.add(id(getattr(model.norm, "offset", None)))
    weights = [w.value for w in model.trainable_variables if id(w) not in linear]
    assert_gradients(penalty, weights, step=2e-6)


PRESETS_OF_GENERATORS = [name for name, options in GENERATORS.items() if "preset" in options]


@pytest.mark.parametrize("name", PRESETS_OF_GENERATORS)
def test_preset_has_builtin_operations(name):
    """Of TFLite, which computes what Keras does."""
    config = configure("generator", name, "float32")
    generator = make_generator(config)
    noise = tf.TensorSpec((1, config.generator.latent_dim), tf.float32)
    label = [tf.TensorSpec((1,), tf.int32)] if config.data.num_classes else []
    graph = tf.function(generator, autograph=False).get_concrete_function(noise, *label)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    content = converter.convert()
    tflite.check_operators(content)
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    random = np.random.default_rng(0)
    z, classes = random.normal(size=noise.shape).astype(np.float32), np.int32([1])
    for detail in interpreter.get_input_details():
        value = z if detail["dtype"] is np.float32 else classes
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    image = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    expected = generator(z, *([classes] if label else []))
    np.testing.assert_allclose(image, expected, atol=1e-4 * np.abs(expected).max())


CONVOLUTIONAL = {
    "dcgan": {"g_widths": (6, 4), "d_width": 4, "d_patch": 4},
    "biggan_cifar10": {
        **{"g_widths": (8, 6), "w_dim": 3},
        **{"d_width": (4, 8), "d_depth": (1, 1)},
    },
    "stylegan2_ffhq256": {
        **{"g_widths": (6, 4), "w_dim": 8, "mapping_layers": 1},
        **{"d_width": (6, 6), "d_minibatch_std": 2},
    },
    "stylegan2_cifar10": {
        **{"g_widths": (6, 4), "w_dim": 8},
        **{"d_width": (6, 6), "d_minibatch_std": 2},
    },
    "r3gan_cifar10": {
        **{"g_widths": (6, 4), "g_depths": (1, 1), "g_group_width": 2, "w_dim": 4},
        **{"d_width": (4, 6), "d_depth": (1, 1), "d_group_width": 2},
    },
}
TRAINED = {n: GENERATORS[n] for n in PRESETS_OF_GENERATORS} | {
    preset: {"preset": preset, "latent_dim": 6, **options}
    for preset, options in CONVOLUTIONAL.items()
}
# Made of the layers of transgan_cifar10; each with the discriminator of its own stages.
OTHER_TRANSGANS = ("transgan_stl10", "transgan_church256", "transgan_celebahq256")
TRAINED |= {name: GENERATORS[name] | DISCRIMINATORS[name] for name in OTHER_TRANSGANS}

# Vectors of one number have one direction; branches that end in zeros learn from the second step.
LEAST_MOVED = {"biggan_cifar10": 0.8, "r3gan_cifar10": 0.4}


def trained(name: str, precision: str, **changes: object) -> tuple[TransformerGAN, dict, float]:
    """After a step of its own recipe, without a graph; what it logs; the share of weights it moves.

    Parts of a batch, which are a graph and the same step, are tried in tests/test_gan.py.
    """
    config = small({**TRAINED[name], **changes}, precision).replace(batch_size=4, micro_batches=1)
    gan = TransformerGAN(config)
    if gan.loss_scale is not None:
        gan.loss_scale.assign(LOSS_SCALE)
    shape = (4, *config.data.image_size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    before = [w.numpy() for w in gan.weights]
    path = bool(config.objective.path_length_weight)
    logs = gan.train_step((tf.constant(images), tf.constant([0, 1, 2, 0])), path=path)
    moved = [(w.numpy() != start).any() for w, start in zip(gan.weights, before, strict=True)]
    return gan, logs, np.mean(moved)


@pytest.mark.parametrize("name", TRAINED)
def test_preset_trains_in_each_precision(name):
    """All is finite, and nearly all weights move."""
    losses = []
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        if precision == "mixed_float16" and name in OTHER_TRANSGANS:
            continue
        half = precision != "float32"
        # Of two logits that are as near as those of finite differences, nothing is left in half.
        gan, logs, moved = trained(name, precision, **({"penalty": "exact"} if half else {}))
        assert all(np.isfinite(value) for value in logs.values())
        networks = (gan.generator, gan.discriminator, gan.ema_generator)
        assert {w.dtype for network in networks for w in network.weights} == {"float32"}
        assert moved > LEAST_MOVED.get(name, 0.9)
        losses.append([logs["loss_d"], logs["loss_g"]])
    for half in losses[1:]:
        np.testing.assert_allclose(half, losses[0], rtol=0.03, atol=0.01)


@pytest.mark.parametrize("name", ["gat", "stylegan2_ffhq256"])
def test_preset_trains_alike_with_xla(name):
    """A transformer, and convolutions with both of their penalties."""
    plain, expected, _ = trained(name, "float64")
    compiled, logs, _ = trained(name, "float64", jit_compile=True)
    assert logs.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(logs[key], value, rtol=1e-9, atol=1e-12, err_msg=key)
    # Adam's moments, which say how great the gradients are, and all weights.
    found = state(compiled)
    for key, value in state(plain).items():
        atol = 1e-10 * np.abs(value).max(initial=0)
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=atol, err_msg=key)
