"""``tfds_text:NAME``: any data set of TensorFlow Datasets that has a text feature.

- Text and class are those of the data set's supervised keys, else the features ``text`` and
  ``label``, else the first text and the first class label, if there is one.
- ``train`` is trained on, and ``test``, else ``validation``, held out; a split whose labels are
  hidden is not used. Without one, a share of ``train`` is held out as of other texts.
"""

from __future__ import annotations

from typing import Any

from tgan_tf.config import ConfigError, DataConfig
from tgan_tf.data import tfds
from tgan_tf.data.texts import Texts


def read(data: DataConfig) -> tuple[Texts, Texts, str]:
    """Texts to train on, held-out ones (or none), and the licence.

    Raises:
        ConfigError: the data set is not there, or has no text.
    """
    name = data.dataset.partition(":")[2]
    flag = f"--dataset={data.dataset}"
    if not name:
        raise ConfigError(f"{flag}: give a name after the colon, such as tfds_text:ag_news_subset")
    package = tfds.import_tfds(flag, "")
    builder = tfds.prepared_builder(package, name, data.data_dir, flag, "")
    info = builder.info
    text_key = _first(info, package.features.Text, "text")
    label_key = _first(info, package.features.ClassLabel, "label") if data.conditional else ""
    if not text_key:
        raise ConfigError(
            f"{flag}: has no text among its features ({', '.join(info.features)}); data sets of"
            " images are tfds:NAME"
        )
    if "train" not in info.splits:
        raise ConfigError(f"{flag}: has no split 'train', only {', '.join(info.splits) or 'none'}")
    names = info.features[label_key].names if label_key else ()
    wanted = {key: True for key in (text_key, label_key) if key}

    def of(split: str) -> Texts:
        texts: Texts = []
        for example in tfds.examples_of(package, builder, split, flag, wanted):
            label = int(example[label_key]) if label_key else 0
            if label < 0:
                return []
            text = example[text_key].decode("utf-8", "replace").strip()
            if text:
                texts.append((text, names[label] if label_key else None))
        return texts

    held_out = next((t for s in ("test", "validation") if s in info.splits and (t := of(s))), [])
    return of("train"), held_out, tfds.licence_of(info)


def _first(info: Any, kind: type, usual: str) -> str:
    supervised = [key for key in info.supervised_keys or () if isinstance(key, str)]
    keys = [*supervised, usual, *info.features]
    known = info.features
    return next((key for key in keys if key in known and isinstance(known[key], kind)), "")
