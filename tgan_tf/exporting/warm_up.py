"""Requests that a server answers before its first client comes.

TensorFlow prepares a graph in its first runs, so the first client would wait a second or more.
TensorFlow Serving therefore replays the requests in `assets.extra` when it loads a version.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from tgan_tf.exporting.parity import Case

FILE = Path("assets.extra") / "tf_serving_warmup_requests"


def write_requests(cases: Iterable[Case], folder: Path, name: str) -> None:
    """Writes the cases' requests where servers look for them.

    Args:
        cases: one or more of every signature.
        folder: the SavedModel.
        name: of the model that they ask for.
    """
    (folder / FILE).parent.mkdir()
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for case in cases:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = case.signature
            for key, value in case.inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(
                predict_log=prediction_log_pb2.PredictLog(request=request)
            )
            writer.write(log.SerializeToString())


def read_requests(folder: Path) -> Iterable[predict_pb2.PredictRequest]:
    """The requests of a SavedModel; none where there is no file."""
    if (folder / FILE).is_file():
        for record in tf.data.TFRecordDataset(str(folder / FILE)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                yield log.predict_log.request
