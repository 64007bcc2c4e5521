"""The configuration: one tree of frozen dataclasses.

Flags, help texts, validation, ``config.json`` and the replayable ``flags.txt`` all derive from the
fields in this package; nothing else in the project declares an option of an experiment. A leaf's
name is its flag's name, so leaf names are unique over the whole tree.

Example:
    config = Config.from_flagfile("configs/fashion_mnist.flags")
    config = Config.from_preset("transgan_cifar10", batch_size=32)
    config = Config.for_dataset("chorales")
    config = config.replace(batch_size=32, seed=1)
    config.save("config.json")
"""

from tgan_tf.config.errors import ConfigError
from tgan_tf.config.experiment import (
    BEST_METRICS,
    EXTRACTORS,
    METRICS,
    MORE_METRICS,
    MOVING,
    MUSIC,
    PRECISIONS,
    PROTOCOLS,
    REMEDIES,
    SERIES,
    STRATEGIES,
    VIDEO,
    DataConfig,
    EvaluationConfig,
    HealthConfig,
    RunConfig,
    TrainingConfig,
)
from tgan_tf.config.networks import (
    LINEAR_INITIALIZERS,
    NORMS,
    DiscriminatorConfig,
    GeneratorConfig,
)
from tgan_tf.config.objective import AUGMENTATIONS, LOSSES, ObjectiveConfig, OptimizerConfig
from tgan_tf.config.tree import Config, define_flags, from_flags

__all__ = [
    "AUGMENTATIONS",
    "BEST_METRICS",
    "EXTRACTORS",
    "LINEAR_INITIALIZERS",
    "LOSSES",
    "METRICS",
    "MORE_METRICS",
    "MOVING",
    "MUSIC",
    "NORMS",
    "PRECISIONS",
    "PROTOCOLS",
    "REMEDIES",
    "SERIES",
    "STRATEGIES",
    "VIDEO",
    "Config",
    "ConfigError",
    "DataConfig",
    "DiscriminatorConfig",
    "EvaluationConfig",
    "GeneratorConfig",
    "HealthConfig",
    "ObjectiveConfig",
    "OptimizerConfig",
    "RunConfig",
    "TrainingConfig",
    "define_flags",
    "from_flags",
]
