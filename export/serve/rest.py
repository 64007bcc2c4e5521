"""REST: TensorFlow Serving's paths under /v1/models, its metrics' path, and a page at /."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from google.protobuf import json_format
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from tensorflow_serving.apis import get_model_metadata_pb2

from export.kit import of_samples
from export.serve import rpc
from export.serve.codec import parse_json, to_json
from export.serve.engine import Engine
from export.serve.errors import Code, ServingError
from export.serve.servable import Servable

PAGE = Path(__file__).parent / "page"
# What this page shares with that of `export.web`.
SHARED = PAGE.parents[1] / "web" / "page"
_SHARED_FILES = ("controls.js", "curves.js", "music.js", "play.js", "samples.js", "text.js")
_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)"
    r"(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>:predict|/metadata)?"
)
_CARD_FILES = ("README.md", "samples.png")
# The page runs its own script alone, whatever a model card says.
_POLICY = "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; frame-ancestors 'none'"
_ENGINE: web.AppKey[Engine] = web.AppKey("engine", Engine)


async def start(engine: Engine, host: str, port: int, grace_s: float) -> tuple[web.AppRunner, int]:
    """Serves; ``cleanup()`` of the runner lets requests end. Returns the port too.

    Raises:
        OSError: the address is taken.
    """
    app = web.Application(
        middlewares=[_errors_as_json], client_max_size=engine.limits.max_body_bytes
    )
    app[_ENGINE] = engine
    app.router.add_get("/", _page)
    app.router.add_get("/page/models.json", _models)
    app.router.add_get(r"/page/card/{name}/{file}", _card)
    for name in _SHARED_FILES:
        app.router.add_get(f"/page/{name}", _shared)
    app.router.add_static("/page/", PAGE)
    app.router.add_get("/monitoring/prometheus/metrics", _metrics)
    app.router.add_route("*", "/v1/models/{rest:.+}", _model)
    runner = web.AppRunner(
        app, handler_cancellation=True, shutdown_timeout=grace_s, access_log=None
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, runner.addresses[0][1]


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        response = await handler(request)
    except ServingError as error:
        return _json({"error": error.message}, error.http_status)
    except web.HTTPRequestEntityTooLarge:
        most = request.app[_ENGINE].limits.max_body_bytes
        response = _json({"error": f"the request has more than {most:,} bytes"}, 413)
        response.force_close()  # the rest of it is not read
        return response
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _json({"error": f"{error.reason}: {request.method} {request.path}"}, error.status)
    response.headers.setdefault("Content-Security-Policy", _POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


async def _model(request: web.Request) -> web.Response:
    """Everything under /v1/models."""
    engine = request.app[_ENGINE]
    match = _PATH.fullmatch(request.path)
    if match is None:
        return _json({"error": f"Malformed request: {request.method} {request.path}"}, 400)
    name, verb = match["name"], match["verb"] or ""
    version = int(match["version"]) if match["version"] else None
    label = match["label"] or ""
    method = "POST" if verb == ":predict" else "GET"
    if request.method != method:
        return _json({"error": f"Malformed request: {request.method} {request.path}"}, 405)
    if verb == ":predict":
        code = Code.OK
        try:
            return await _predict(request, engine, name, version, label)
        except ServingError as error:
            code = error.code
            raise
        finally:
            engine.count(name, "rest", code.name)
    if verb == "/metadata":
        return _json(_metadata(name, engine.model(name).get(version, label)))
    return _json(_message(rpc.status(engine, name, version, label)))


async def _predict(
    request: web.Request, engine: Engine, name: str, version: int | None, label: str
) -> web.Response:
    engine.model(name).get(version, label)  # what is not there is said before anything is read
    seconds = engine.limits.arrival_s
    try:
        body = await asyncio.wait_for(request.read(), seconds)
    except asyncio.TimeoutError:
        response = _json({"error": f"the request did not arrive within {seconds:g} s"}, 408)
        response.force_close()
        return response
    except ConnectionResetError:  # no error of ours, and none to log
        raise ServingError(Code.CANCELLED, "the client has left") from None
    # Not before: the version may have been replaced while the request arrived.
    with engine.model(name).get(version, label) as servable:
        parsed = parse_json(body, servable)
        answer = await engine.predict(servable, name, parsed.signature, parsed.inputs)
    return _json(to_json(answer.outputs, parsed.by_row))


def _metadata(name: str, servable: Servable) -> dict[str, Any]:
    """In the form of TensorFlow Serving: the packed message as plain JSON."""
    response = rpc.metadata(name, servable)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(servable.version)},
        "metadata": {"signature_def": _message(signatures)},
    }


def _message(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


async def _metrics(request: web.Request) -> web.Response:
    text = generate_latest(request.app[_ENGINE].registry)
    return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def _shared(request: web.Request) -> web.FileResponse:
    return web.FileResponse(SHARED / request.path.rpartition("/")[2])


async def _models(request: web.Request) -> web.Response:
    """What the page must know of the models."""
    entries = []
    for name, model in request.app[_ENGINE].models.items():
        if not model.ready:
            continue
        servable = model.get()
        info = servable.info()
        data = info.get("config", {}).get("data", {})
        outputs = info.get("signatures", {}).get("sample", {}).get("outputs", {})
        shape = outputs[data["modality"]]["shape"][1:] if outputs else []
        entries.append(
            {
                "name": name,
                "version": servable.version,
                "labels": sorted(model.config.labels),
                "inputs": {key: sorted(specs) for key, specs in servable.inputs.items()},
                "class_names": info.get("class_names", []),
                "num_classes": data.get("num_classes", 0),
                "attribute_names": data.get("attribute_names", []),
                "captions": info.get("captions", []),
                "directions": info.get("directions", []),
                **of_samples(data, shape),
                "has_card": all((servable.path / file).is_file() for file in _CARD_FILES),
            }
        )
    return _json({"models": entries})


async def _card(request: web.Request) -> web.StreamResponse:
    """The model card as a page, and its picture."""
    import markdown

    file = request.match_info["file"]
    path = request.app[_ENGINE].model(request.match_info["name"]).get().path / file
    if file not in _CARD_FILES or not path.is_file():
        raise web.HTTPNotFound
    if file.endswith(".png"):
        return web.FileResponse(path)
    text = markdown.markdown(path.read_text(encoding="utf-8"), extensions=["tables"])
    page = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Model card</title>'
        '<link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="/page/style.css"><main class="card">{text}</main></html>'
    )
    return web.Response(text=page, content_type="text/html")


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)
