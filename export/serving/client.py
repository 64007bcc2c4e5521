"""A client of a served generator: gRPC or REST, deadlines, retries, requests side by side.

Example:
    with Client("localhost:8500", "digits") as client:  # or "http://localhost:8501"
        images = client.sample(range(64), label=3, truncation=0.7)  # uint8 [64, 8, 8, 1]
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import TracebackType
from typing import Any
from urllib.parse import quote

import numpy as np

Arrays = dict[str, np.ndarray]
Progress = Callable[[int, int], None]

# Answers after which the same request may succeed: a sample is a function of its inputs, so that
# asking twice does no harm.
# CANCELLED is what a server that is stopping says; this class cancels nothing.
_RETRIED_GRPC = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED")
_RETRIED_HTTP = (429, 502, 503)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_MESSAGE_BYTES = 256 * 2**20

# Inputs that say what to make; a model has one of them, or none.
_CONDITIONS = {"label": "classes", "attributes": "attributes", "condition": "a vector as input"}


class ClientError(RuntimeError):
    """The server cannot be reached in time, or refuses the request."""


class _TryAgain(Exception):
    """The server is busy, starting or gone."""


class Client:
    """A served model.

    Args:
        target: `HOST:PORT` of gRPC, or `http://HOST:PORT` of REST.
        model: its name.
        version: number; None: the newest, or the one with the label.
        label: of a version, like stable or canary.
        timeout_s: for one request with all its retries.

    Raises:
        ValueError: both a version and a label.
        ModuleNotFoundError: a target of gRPC without tensorflow-serving-api.
    """

    def __init__(
        self,
        target: str,
        model: str,
        *,
        version: int | None = None,
        label: str = "",
        timeout_s: float = 30.0,
    ) -> None:
        if version is not None and label:
            raise ValueError(f"version={version} and label={label!r}: give one of them")
        self.timeout_s = timeout_s
        kind = _Rest if target.startswith(("http://", "https://")) else _Grpc
        self._transport: _Rest | _Grpc = kind(target, model, version, label)
        self._signatures: dict[str, list[str]] | None = None

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """One request.

        Args:
            signature: its name.
            inputs: by name, the batch in front.

        Returns:
            The outputs; texts and files as arrays of bytes.

        Raises:
            ClientError: the server refuses it, or `timeout_s` is over.
        """
        return self._retrying(lambda left: self._transport.predict(signature, inputs, left))

    def signatures(self) -> dict[str, list[str]]:
        """The names of each signature's inputs; asked for once.

        Raises:
            ClientError: as for `predict`.
        """
        if self._signatures is None:
            self._signatures = self._retrying(self._transport.signatures)
        return self._signatures

    def sample(
        self,
        seeds: Iterable[int],
        label: int | str | Sequence[int] | np.ndarray | None = None,
        truncation: float = 1.0,
        guidance: float = 1.0,
        *,
        batch_size: int = 16,
        in_flight: int = 2,
        progress: Progress | None = None,
    ) -> np.ndarray:
        """Makes one sample for each seed.

        Args:
            seeds: N integers in the range of int32.
            label: a class for all, or N; of attributes and vectors numbers [K] or [N, K]; a
                caption. A model that has such an input needs it.
            truncation, guidance: as for `tgan_tf.Sampler.sample`.
            batch_size: samples of one request.
            in_flight: requests at the same time.
            progress: called with (samples done, N).

        Returns:
            uint8 [N, H, W, C].

        Raises:
            ClientError: the server refuses it, or a request's time is over.
            ValueError: no seeds, a seed outside of int32, or a label too much or too few.
        """
        names = self.signatures().get("sample")
        if names is None:
            raise ClientError(f"the model has no signature 'sample', only {[*self.signatures()]}")
        numbers = np.array(list(seeds))
        if not numbers.size or numbers.dtype.kind not in "iu":
            raise ValueError("seeds: give one integer or more")
        if numbers.min() < -(2**31) or numbers.max() >= 2**31:
            raise ValueError("seeds: one is outside of int32")
        columns = {
            "seed": numbers.astype(np.int32),
            "truncation": np.full(len(numbers), truncation, np.float32),
        }
        kind = next((name for name in _CONDITIONS if name in names), "")
        if isinstance(label, str):
            if "encode" not in self.signatures():
                raise ValueError(f"label={label!r}: the model takes no captions")
            label = self.predict("encode", {"text": np.array([label], object)})["condition"]
        if kind:
            if label is None:
                raise ValueError(f"label: the model has {_CONDITIONS[kind]}; say which")
            values = np.asarray(label, np.int32 if kind == "label" else np.float32)
            shape = numbers.shape if kind == "label" else (len(numbers), values.shape[-1])
            columns[kind] = np.broadcast_to(values, shape)
        elif label is not None:
            raise ValueError("label: the model has no classes; leave it out")
        if "guidance" in names:
            columns["guidance"] = np.full(len(numbers), guidance, np.float32)
        elif guidance != 1.0:
            raise ValueError("guidance: the model was trained without condition dropout")
        parts = [slice(i, i + batch_size) for i in range(0, len(numbers), batch_size)]
        images: dict[int, np.ndarray] = {}
        with ThreadPoolExecutor(in_flight) as pool:
            futures = {
                pool.submit(self.predict, "sample", {k: v[part] for k, v in columns.items()}): part
                for part in parts
            }
            try:
                for future in as_completed(futures):
                    images[futures[future].start] = future.result()["image"]
                    if progress is not None:
                        progress(sum(map(len, images.values())), len(numbers))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return np.concatenate([images[part.start] for part in parts]).astype(np.uint8)

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _retrying(self, call: Callable[[float], Any]) -> Any:
        """The answer of a call that is given the seconds that are left, after pauses that grow."""
        end = time.monotonic() + self.timeout_s
        pause, tries = _FIRST_PAUSE_S, 0
        while True:
            tries += 1
            try:
                return call(max(0.001, end - time.monotonic()))
            except _TryAgain as error:
                # Of random length: clients that failed together do not come back together.
                wait = random.uniform(0.5, 1.0) * pause
                if time.monotonic() + wait > end:
                    raise ClientError(
                        f"no answer within {self.timeout_s:g} s, {tries} tries: {error}"
                    ) from error
                time.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE_S)


class _Grpc:
    """Requests by PredictionService."""

    def __init__(self, target: str, model: str, version: int | None, label: str) -> None:
        import grpc
        from tensorflow_serving.apis import prediction_service_pb2_grpc

        self._grpc, self._model, self._version, self._label = grpc, model, version, label
        self._channel = grpc.insecure_channel(
            target,
            options=[
                ("grpc.max_receive_message_length", _MESSAGE_BYTES),
                # This class tries again itself, and knows when its time is over.
                ("grpc.enable_retries", 0),
            ],
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray], timeout_s: float) -> Arrays:
        import tensorflow as tf
        from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        self._choose(request.model_spec)
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        answer = self._call(self._stub.Predict, request, timeout_s)
        return {name: tf.make_ndarray(value) for name, value in answer.outputs.items()}

    def signatures(self, timeout_s: float) -> dict[str, list[str]]:
        from tensorflow_serving.apis import get_model_metadata_pb2

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._choose(request.model_spec)
        answer = self._call(self._stub.GetModelMetadata, request, timeout_s)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        return {name: sorted(entry.inputs) for name, entry in signatures.signature_def.items()}

    def close(self) -> None:
        self._channel.close()

    def _choose(self, spec: Any) -> None:
        spec.name = self._model
        if self._version is not None:
            spec.version.value = self._version
        if self._label:
            spec.version_label = self._label

    def _call(self, method: Callable[..., Any], request: Any, timeout_s: float) -> Any:
        try:
            return method(request, timeout=timeout_s)
        except self._grpc.RpcError as error:
            code, details = error.code().name, error.details()
            if code in _RETRIED_GRPC:
                raise _TryAgain(f"{code}: {details}") from error
            raise ClientError(f"{code}: {details}") from error


class _Rest:
    """Requests by the REST interface, in columns."""

    def __init__(self, target: str, model: str, version: int | None, label: str) -> None:
        import requests

        self._requests, self._session = requests, requests.Session()
        which = f"/versions/{version}" if version is not None else ""
        which += f"/labels/{quote(label, safe='')}" if label else ""
        self._url = f"{target.rstrip('/')}/v1/models/{quote(model, safe='')}{which}"

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray], timeout_s: float) -> Arrays:
        body = {
            "signature_name": signature,
            "inputs": {name: np.asarray(value).tolist() for name, value in inputs.items()},
        }
        outputs = self._call("POST", ":predict", timeout_s, json=body)["outputs"]
        if isinstance(outputs, dict):
            return {name: _array(value) for name, value in outputs.items()}
        # A single output comes without its name.
        name = next(iter(self._definitions(timeout_s)[signature]["outputs"]))
        return {name: _array(outputs)}

    def signatures(self, timeout_s: float) -> dict[str, list[str]]:
        definitions = self._definitions(timeout_s)
        return {name: sorted(entry["inputs"]) for name, entry in definitions.items()}

    def close(self) -> None:
        self._session.close()

    def _definitions(self, timeout_s: float) -> dict[str, Any]:
        if not hasattr(self, "_known"):
            metadata = self._call("GET", "/metadata", timeout_s)["metadata"]
            self._known: dict[str, Any] = metadata["signature_def"]["signature_def"]
        return self._known

    def _call(self, method: str, path: str, timeout_s: float, **body: Any) -> Any:
        try:
            answer = self._session.request(method, self._url + path, timeout=timeout_s, **body)
        except (self._requests.ConnectionError, self._requests.Timeout) as error:
            raise _TryAgain(str(error)) from error
        if answer.status_code in _RETRIED_HTTP:
            raise _TryAgain(f"status {answer.status_code}: {answer.text[:500]}")
        try:
            values = answer.json()
        except ValueError:
            values = {"error": f"no JSON: {answer.text[:200]!r}"}
        if not answer.ok or "error" in values:
            raise ClientError(f"status {answer.status_code}: {values.get('error', values)}")
        return values


def _array(value: Any) -> np.ndarray:
    """Numbers as an array; base64 as bytes."""
    import base64

    if value and isinstance(value[0], dict):
        return np.array([base64.b64decode(item["b64"]) for item in value], object)
    return np.array(value)
