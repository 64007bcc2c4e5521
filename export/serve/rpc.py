"""gRPC: PredictionService, ModelService and health."""

from __future__ import annotations

from typing import Any

import grpc
import tensorflow as tf
from google.protobuf import any_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export.serve.codec import parse_proto
from export.serve.engine import Engine
from export.serve.errors import Code, ServingError, invalid
from export.serve.servable import Servable

_SERVICES = ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")
_ANSWER_BYTES = 256 * 2**20


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the rest is not for generators and UNIMPLEMENTED."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def Predict(self, request: Any, context: Any) -> Any:
        name, status = request.model_spec.name, Code.OK
        try:
            signature = request.model_spec.signature_name
            # From here on: it may be replaced before the answer is there.
            with _find(self._engine, request.model_spec) as servable:
                answer = await self._engine.predict(
                    servable,
                    name,
                    signature,
                    parse_proto(request.inputs, servable, signature),
                    request.output_filter,
                )
        except ServingError as error:
            status = error.code
            await context.abort(error.code, error.message)
        finally:
            self._engine.count(name, "grpc", status.name)
        response = predict_pb2.PredictResponse()
        response.model_spec.name = name
        response.model_spec.version.value = answer.servable.version
        response.model_spec.signature_name = answer.signature
        for key, array in answer.outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(array))
        return response

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:
        try:
            if list(request.metadata_field) != ["signature_def"]:
                raise invalid("metadata_field must be 'signature_def'")
            servable = _find(self._engine, request.model_spec)
        except ServingError as error:
            await context.abort(error.code, error.message)
        return metadata(request.model_spec.name, servable)


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; what is served is told by flags, not by clients."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def GetModelStatus(self, request: Any, context: Any) -> Any:
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        try:
            return status(self._engine, spec.name, version, spec.version_label)
        except ServingError as error:
            await context.abort(error.code, error.message)


def metadata(name: str, servable: Servable) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """What the signatures take and give."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = servable.version
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for key, definition in servable.definitions.items():
        signatures.signature_def[key].CopyFrom(definition)
    packed = any_pb2.Any()
    packed.Pack(signatures)
    response.metadata["signature_def"].CopyFrom(packed)
    return response


def status(
    engine: Engine, name: str, version: int | None = None, label: str = ""
) -> get_model_status_pb2.GetModelStatusResponse:
    """The states of a model's versions, newest first.

    Raises:
        ServingError: NOT_FOUND.
    """
    model = engine.model(name)
    if label:
        version = model.get(label=label).version
    chosen = sorted(model.states if version is None else {version} & model.states.keys())
    if not chosen:
        what = name if version is None else f"{name} with version {version}"
        raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {what}")
    response = get_model_status_pb2.GetModelStatusResponse()
    for number in reversed(chosen):
        state, error = model.states[number]
        entry = response.model_version_status.add(version=number, state=int(state))
        entry.status.error_code = Code.UNKNOWN.value[0] if error else 0
        entry.status.error_message = error
    return response


async def start(engine: Engine, address: str) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    """Serves; whoever stops it calls ``enter_graceful_shutdown`` of the health service first.

    Raises:
        RuntimeError: the address is taken.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", engine.limits.max_body_bytes),
            ("grpc.max_send_message_length", _ANSWER_BYTES),
            ("grpc.so_reuseport", 0),  # two servers on one port would take turns
        ]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Predictions(engine), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(engine), server)
    service = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(service, server)
    server.add_insecure_port(address)
    await server.start()
    for name in _SERVICES:
        await service.set(name, health_pb2.HealthCheckResponse.SERVING)
    return server, service


def _find(engine: Engine, spec: Any) -> Servable:
    version = spec.version.value if spec.HasField("version") else None
    return engine.model(spec.name).get(version, spec.version_label)
