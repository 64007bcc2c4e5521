"""The development server, asked by official stubs, an independent client, curl and a browser."""

from __future__ import annotations

import base64
import contextlib
import functools
import html
import io
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from export.serving.client import Client, ClientError
from tests.export.rolls import assert_shows
from tests.export.servers import ROOT, free_port, serving
from tests.exporting.samplers import (
    ATTRIBUTES,
    make_clip_sampler,
    make_config,
    make_generator,
    make_sampler,
    make_told,
)
from tests.tokens import music_config, text_config, token_generator
from tgan_tf.control import find
from tgan_tf.exporting import saved_model, to_saved_model
from tgan_tf.inference import Sampler
from tgan_tf.modalities.image import ImageModality
from tgan_tf.modalities.music import MusicModality
from tgan_tf.modalities.text import TextModality

GUIDED = {"condition_dropout": 0.1}
SEEDS, LABELS = [7, 8, 9], [2, 0, 1]


@functools.cache
def pets() -> Sampler:
    """With two directions."""
    config = make_config(3, **GUIDED)
    sampler = Sampler(config, make_generator(config), ImageModality(config), step=70)
    sampler.directions = find(sampler, "sefa", 2)
    return sampler


@pytest.fixture(scope="module")
def emoji(tmp_path_factory) -> Sampler:
    """With captions."""
    return make_told(tmp_path_factory.mktemp("encoder"))


@functools.cache
def poems() -> Sampler:
    """Quatrains."""
    config = text_config()
    return Sampler(config, token_generator(config), TextModality(config), step=70)


@functools.cache
def tunes() -> Sampler:
    """A bar of music."""
    config = music_config(g_tokens="at_once", given_voices=())
    return Sampler(config, token_generator(config), MusicModality(config), step=70)


@pytest.fixture(scope="module")
def models(tmp_path_factory, emoji) -> Path:
    """Versions 1 and 2 of one model, of attributes, of captions, of texts; the folder of all."""
    folder = tmp_path_factory.mktemp("models")
    samplers = {"pets": pets(), "faces": make_sampler(0, **ATTRIBUTES), "emoji": emoji}
    samplers |= {"poems": poems(), "clips": make_clip_sampler(), "tunes": tunes()}
    with pytest.MonkeyPatch.context() as patch:
        # With Keras they are compared through the server.
        patch.setattr(saved_model, "check", lambda *_: {})
        for name, sampler in samplers.items():
            to_saved_model(sampler, folder / name)
    shutil.copytree(folder / "pets" / "1", folder / "pets" / "2")
    (folder / "models.config").write_text(
        """model_config_list {
          config {
            name: "pets" base_path: "pets"
            version_labels { key: "stable" value: 1 }
            version_labels { key: "canary" value: 2 }
          }
          config { name: "faces" base_path: "faces" }
          config { name: "emoji" base_path: "emoji" }
          config { name: "poems" base_path: "poems" }
          config { name: "clips" base_path: "clips" }
          config { name: "tunes" base_path: "tunes" }
        }"""
    )
    return folder


@pytest.fixture(scope="module")
def server(models):
    flags = ["--max_batch_size=32", "--max_body_mib=1", "--arrival_s=4"]
    with serving(f"--model_config_file={models / 'models.config'}", *flags) as running:
        yield running


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as opened:
        yield opened


def expected(seeds=SEEDS, labels=LABELS, truncation=0.7, guidance=1.0) -> np.ndarray:
    return pets().sample(seeds, labels, truncation, guidance).astype(int)


def columns(seeds=SEEDS, labels=LABELS, truncation=0.7, guidance=1.0) -> dict[str, list]:
    count = len(seeds)
    same = {"truncation": [truncation] * count, "guidance": [guidance] * count}
    return {"seed": list(seeds), "label": list(labels), **same}


def near(made, wanted) -> bool:
    """To one grey level, as everywhere."""
    return bool(np.abs(np.asarray(made, int) - wanted).max() <= 1)


class TestRest:
    def test_columns(self, server):
        answer = server.predict("pets", {"signature_name": "sample", "inputs": columns()})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")
        assert near(answer.json()["outputs"], expected())

    def test_rows(self, server):
        rows = [
            dict(zip(columns(), row, strict=True)) for row in zip(*columns().values(), strict=True)
        ]
        answer = server.predict("pets", {"signature_name": "sample", "instances": rows})
        assert near(answer.json()["predictions"], expected())

    def test_default_signature(self, server):
        z = np.random.default_rng(0).normal(size=(2, 8)).astype(np.float32)
        rows = [{"z": row.tolist(), "label": 1} for row in z]
        answer = server.predict("pets", {"instances": rows}).json()["predictions"]
        wanted = pets().generator(z, tf.constant([1, 1]))
        np.testing.assert_allclose(answer, wanted, atol=1e-5)

    def test_files_in_base64(self, server):
        answer = server.predict("pets", {"signature_name": "sample_png", "inputs": columns()})
        files = [base64.b64decode(item["b64"]) for item in answer.json()["outputs"]]
        pictures = [np.asarray(Image.open(io.BytesIO(file))) for file in files]
        assert near(pictures, expected())

    def test_text(self, server, emoji):
        inputs = {k: v for k, v in columns(guidance=2.0).items() if k != "label"}
        texts = ["a cat sat.", "sat!", ""]
        body = {"signature_name": "sample_text", "inputs": {**inputs, "text": texts}}
        answer = server.predict("emoji", body).json()["outputs"]
        pictures = [
            np.asarray(Image.open(io.BytesIO(base64.b64decode(item["b64"])))) for item in answer
        ]
        assert near(pictures, emoji.sample(SEEDS, None, 0.7, 2.0, text=texts).astype(int))

    def test_edit(self, server):
        inputs = {**columns(), "strengths": [[0, 0], [1.5, 0], [0, -2]]}
        answer = server.predict("pets", {"signature_name": "edit", "inputs": inputs})
        one, two = pets().directions.names
        moved = [{}, {one: 1.5}, {two: -2.0}]
        wanted = [
            pets().edit([seed], edits, label, 0.7)[0].astype(int)
            for seed, edits, label in zip(SEEDS, moved, LABELS, strict=True)
        ]
        assert near(answer.json()["outputs"], wanted)
        assert not near(wanted[1], expected()[1])

    @pytest.mark.parametrize("which", ["/versions/2", "/labels/canary"])
    def test_version(self, server, which):
        url = f"{server.rest}/v1/models/pets{which}:predict"
        body = {"signature_name": "sample", "inputs": columns()}
        assert near(requests.post(url, json=body, timeout=30).json()["outputs"], expected())

    def test_status(self, server):
        entries = server.get("/v1/models/pets").json()["model_version_status"]
        assert [entry["version"] for entry in entries] == ["2", "1"]
        assert all(entry["state"] == "AVAILABLE" for entry in entries)
        assert entries[0]["status"] == {"error_code": "OK", "error_message": ""}
        (one,) = server.get("/v1/models/pets/labels/stable").json()["model_version_status"]
        assert one["version"] == "1"

    def test_metadata(self, server):
        answer = server.get("/v1/models/pets/metadata").json()
        assert answer["model_spec"] == {"name": "pets", "signature_name": "", "version": "2"}
        definition = answer["metadata"]["signature_def"]["signature_def"]["sample"]
        assert set(definition["inputs"]) == set(columns())
        image = definition["outputs"]["image"]
        assert image["dtype"] == "DT_UINT8"
        sizes = [dimension["size"] for dimension in image["tensor_shape"]["dim"]]
        assert sizes == ["-1", "8", "12", "3"]

    @pytest.mark.skipif(not shutil.which("curl"), reason="no curl")
    def test_curl(self, server):
        body = json.dumps({"signature_name": "sample", "inputs": columns()})
        url = f"{server.rest}/v1/models/pets:predict"
        done = subprocess.run(["curl", "-sd", body, url], capture_output=True, check=True)
        assert near(json.loads(done.stdout)["outputs"], expected())


class TestGrpc:
    def request(self, signature="sample", **inputs) -> predict_pb2.PredictRequest:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "pets", signature
        types = {"seed": np.int32, "label": np.int32}
        for name, value in (inputs or columns()).items():
            array = np.asarray(value, types.get(name, np.float32))
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        return request

    @pytest.fixture
    def stub(self, channel):
        return prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def test_predict(self, stub):
        answer = stub.Predict(self.request(), timeout=30)
        assert near(tf.make_ndarray(answer.outputs["image"]), expected())
        assert answer.model_spec.version.value == 2
        assert (answer.model_spec.name, answer.model_spec.signature_name) == ("pets", "sample")

    def test_version_label_and_output_filter(self, stub):
        request = self.request("sample_png")
        request.model_spec.version_label = "stable"
        request.output_filter.append("image_bytes")
        answer = stub.Predict(request, timeout=30)
        assert answer.model_spec.version.value == 1
        assert tf.make_ndarray(answer.outputs["image_bytes"])[0].startswith(b"\x89PNG")
        request.output_filter[0] = "nothing"
        self.refused(stub, request, "INVALID_ARGUMENT", "output tensor alias not found")

    def test_metadata(self, stub):
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = "pets"
        answer = stub.GetModelMetadata(request, timeout=30)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(signatures)
        assert set(signatures.signature_def["sample"].inputs) == set(columns())

    def test_status(self, channel):
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "pets"
        states = stub.GetModelStatus(request, timeout=30).model_version_status
        assert [(state.version, state.state) for state in states] == [(2, 30), (1, 30)]
        request.model_spec.name = "nope"
        with pytest.raises(grpc.RpcError) as refusal:
            stub.GetModelStatus(request, timeout=30)
        assert refusal.value.code() == grpc.StatusCode.NOT_FOUND

    def test_health(self, channel):
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "tensorflow.serving.PredictionService"):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=30)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING

    def test_what_generators_have_no_use_for(self, stub):
        from tensorflow_serving.apis import classification_pb2

        with pytest.raises(grpc.RpcError) as refusal:
            stub.Classify(classification_pb2.ClassificationRequest(), timeout=30)
        assert refusal.value.code() == grpc.StatusCode.UNIMPLEMENTED

    @staticmethod
    def refused(stub, request, code, message):
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Predict(request, timeout=30)
        assert refusal.value.code().name == code
        assert message in refusal.value.details()

    def test_wrong_type(self, stub):
        request = self.request()
        request.inputs["seed"].CopyFrom(tf.make_tensor_proto(np.ones(3, np.float32)))
        self.refused(
            stub, request, "INVALID_ARGUMENT", "'seed': type DT_FLOAT, it must be DT_INT32"
        )

    def test_a_shape_without_its_values(self, stub):
        """A billion elements in ten bytes: refused before anything of that size is made."""
        request = self.request()
        request.inputs["seed"].tensor_shape.dim[0].size = 10**9
        self.refused(stub, request, "INVALID_ARGUMENT", "values for the shape")
        del request.inputs["seed"].tensor_shape.dim[:]
        self.refused(stub, request, "INVALID_ARGUMENT", "shape [], it must be [batch]")

    def test_not_finite(self, stub):
        request = self.request(**{**columns(), "truncation": [1.0, np.nan, 1.0]})
        self.refused(stub, request, "INVALID_ARGUMENT", "'truncation': has NaN or infinite")

    def test_too_many(self, stub):
        request = self.request(**columns(range(33), [0] * 33))
        self.refused(stub, request, "INVALID_ARGUMENT", "Task size 33 is larger than maximum")

    def test_broken_message(self, channel):
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        good = self.request().SerializeToString()
        for broken in (good[: len(good) // 2], b"\xff" * 100):
            with pytest.raises(grpc.RpcError) as refusal:
                call(broken, timeout=30)
            assert "Error parsing message" in refusal.value.details()

    def test_deadline(self, stub):
        with pytest.raises(grpc.RpcError) as refusal:
            stub.Predict(self.request(), timeout=1e-6)
        assert refusal.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert near(
            tf.make_ndarray(stub.Predict(self.request(), timeout=30).outputs["image"]), expected()
        )


SAMPLE = {"signature_name": "sample"}


class TestMistakes:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({**SAMPLE, "inputs": {"seed": [1]}}, "Missing but required: {guidance,label,trunc"),
            ({**SAMPLE, "inputs": {**columns(), "more": [1]}}, "Sent extra: {more}"),
            ({**SAMPLE, "inputs": {**columns(), "label": [1]}}, "differ in the size of the batch"),
            ({**SAMPLE, "inputs": {**columns(), "seed": [1.5, 2, 3]}}, "numbers of type int32"),
            ({**SAMPLE, "inputs": {**columns(), "seed": ["1", "2", "3"]}}, "numbers of type int32"),
            ({**SAMPLE, "inputs": {**columns(), "seed": [[1], [2], [3]]}}, "shape [3,1], it must"),
            ({**SAMPLE, "inputs": {**columns(), "seed": [[1], [2, 3]]}}, "different lengths"),
            ({**SAMPLE, "inputs": {**columns(), "seed": 3}}, "must be a list"),
            ({**SAMPLE, "inputs": {**columns(), "seed": [True] * 3}}, "numbers of type int32"),
            ({**SAMPLE, "inputs": {**columns(), "seed": [2**31, 0, 0]}}, "outside of int32"),
            ({**SAMPLE, "inputs": {**columns(), "seed": [10**40, 0, 0]}}, "numbers of type int32"),
            ({**SAMPLE, "inputs": {**columns(), "truncation": [1e300] * 3}}, "NaN or infinite"),
            ({**SAMPLE, "inputs": {**columns(), "label": [0, 9, 0]}}, "9 is not in [0, 4)"),
            ({**SAMPLE, "inputs": columns([], [])}, "the batch is empty"),
            ({**SAMPLE, "inputs": [1, 2]}, "'inputs' must be an object with guidance, label, seed"),
            ({**SAMPLE, "instances": []}, "list with one entry or more"),
            ({**SAMPLE, "instances": [{"seed": 1}]}, "instance 0 must be an object with"),
            ({**SAMPLE, "instances": [1], "inputs": 1}, "either 'instances' (a list of rows) or"),
            ({"signature_name": "nope", "inputs": {}}, 'name: "nope" not found in signature def'),
            ({"signature_name": 3, "inputs": {}}, "signature_name must be text"),
            ([1], "must be a JSON object"),
        ],
    )
    def test_request(self, server, body, message):
        answer = server.predict("pets", body)
        assert answer.status_code == 400
        assert message in answer.json()["error"]

    @pytest.mark.parametrize("text", [[1], [["a"]], [None]])
    def test_no_text(self, server, text):
        answer = server.predict("emoji", {"signature_name": "encode", "inputs": {"text": text}})
        assert answer.status_code == 400
        assert "'text': must be texts" in answer.json()["error"]

    @pytest.mark.parametrize("body", [b"", b'{"inputs": ', b"\xff\xfe", b"[" * 100_000, b"NaN"])
    def test_no_json(self, server, body):
        url = f"{server.rest}/v1/models/pets:predict"
        answer = requests.post(url, data=body, timeout=30)
        assert answer.status_code == 400
        assert "error" in answer.json()

    def test_not_a_number(self, server):
        body = json.dumps({**SAMPLE, "inputs": {**columns(), "truncation": [float("nan")] * 3}})
        url = f"{server.rest}/v1/models/pets:predict"
        assert "NaN is no JSON number" in requests.post(url, data=body, timeout=30).json()["error"]

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("/v1/models/nope", "Servable not found for request: Latest(nope)"),
            ("/v1/models/pets/versions/9", "Could not find any versions of model pets with vers"),
            ("/v1/models/pets/versions/9/metadata", "not found for request: Specific(pets, 9)"),
            ("/v1/models/pets/labels/old", "Unrecognized servable version label: old; there are c"),
            ("/page/card/pets/manifest.json", "Not Found"),
            ("/page/card/pets/..%2f..%2fsaved_model.pb", "Not Found"),
            ("/page/../__main__.py", "Not Found"),
            ("/nothing", "Not Found"),
        ],
    )
    def test_nothing_there(self, server, path, message):
        answer = server.get(path)
        assert answer.status_code == 404
        assert message in answer.json()["error"]

    def test_wrong_method(self, server):
        assert server.get("/v1/models/pets:predict").status_code == 405
        assert server.get("/v1/models/pets:classify").status_code == 400

    def test_body_too_large(self, server):
        answer = server.predict("pets", {**SAMPLE, "inputs": {"seed": [0] * 500_000}})
        assert answer.status_code == 413
        assert "more than 1,048,576 bytes" in answer.json()["error"]

    def test_slow_clients_keep_nobody_waiting(self, server):
        """Ones that send half of a request, in either protocol, and one that reads no answer."""
        rest, rpc = (
            (host, int(port))
            for host, port in (server.rest[len("http://") :].split(":"), server.grpc.split(":"))
        )
        head = "POST /v1/models/pets:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n"
        whole = json.dumps({**SAMPLE, "inputs": columns(range(32), [0] * 32)})
        with contextlib.ExitStack() as stack:

            def connect(address: tuple[str, int], data: bytes) -> socket.socket:
                opened = stack.enter_context(socket.create_connection(address))
                opened.sendall(data)
                return opened

            half = connect(rest, head.format(500).encode() + b"{")
            for _ in range(20):
                connect(rest, head[:30].encode())
                connect(rest, head.format(500).encode() + b"{")
                connect(rpc, b"PRI * HTTP/2.0\r\n\r\nSM")
            connect(rest, (head.format(len(whole)) + whole).encode() * 50)
            for ask in (server.rest, server.grpc) * 3:
                with Client(ask, "pets") as client:
                    assert near(client.sample(SEEDS, LABELS, 0.7), expected())
            half.settimeout(30)
            assert b"408" in half.recv(4096)
        assert near(
            server.predict("pets", {**SAMPLE, "inputs": columns()}).json()["outputs"], expected()
        )
        # Clients that leave are no errors of the server.
        assert "Error handling request" not in server.printed()

    def test_one_wrong_request_spoils_no_other(self, server):
        """They meet in one batch; each gets its own answer."""

        def ask(index: int) -> requests.Response:
            labels = [9] if index % 4 == 0 else [index % 3]
            return server.predict("pets", {**SAMPLE, "inputs": columns([index], labels)})

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(48)))
        for index, answer in enumerate(answers):
            if index % 4 == 0:
                assert answer.status_code == 400
            else:
                assert near(answer.json()["outputs"], expected([index], [index % 3]))


class TestClient:
    @pytest.fixture(params=["grpc", "rest"])
    def target(self, server, request):
        return getattr(server, request.param)

    def test_sample(self, target):
        done = []
        with Client(target, "pets") as client:
            made = client.sample(
                range(37), 1, 0.7, 1.5, batch_size=8, progress=lambda *at: done.append(at)
            )
        assert made.dtype == np.uint8
        assert near(made, expected(range(37), [1] * 37, 0.7, 1.5))
        assert done[-1] == (37, 37)
        assert len(done) == 5

    def test_caption(self, target, emoji):
        with Client(target, "emoji") as client:
            made = client.sample(SEEDS, "a cat sat.", 0.7, 1.5)
        assert near(made, emoji.sample(SEEDS, None, 0.7, 1.5, text="a cat sat.").astype(int))
        assert not near(made, emoji.sample(SEEDS, None, 0.7, 1.5, text="sat!").astype(int))
        with (
            Client(target, "pets") as client,
            pytest.raises(ValueError, match="takes no captions"),
        ):
            client.sample(SEEDS, "a cat")

    def test_files(self, target):
        inputs = {k: np.asarray(v, np.int32 if k in ("seed", "label") else np.float32)
                  for k, v in columns().items()}  # fmt: skip
        with Client(target, "pets", label="canary") as client:
            files = client.predict("sample_png", inputs)["image_bytes"]
        assert [file[:4] for file in files] == [b"\x89PNG"] * 3

    def test_mistakes(self, target):
        with Client(target, "pets", version=1) as client:
            with pytest.raises(ValueError, match="the model has classes"):
                client.sample([1])
            with pytest.raises(ValueError, match="outside of int32"):
                client.sample([2**31], 1)
            with pytest.raises(ClientError, match=r"9 is not in \[0, 4\)"):
                client.sample([1], 9)
        with Client(target, "nope") as client, pytest.raises(ClientError, match="not found"):
            client.sample([1])

    @pytest.mark.parametrize("scheme", ["", "http://"])
    def test_nobody_there(self, scheme):
        with (
            Client(f"{scheme}localhost:9", "pets", timeout_s=1) as client,
            pytest.raises(ClientError, match=r"no answer within 1 s, \d tries"),
        ):
            client.sample([1])

    def test_command(self, server, tmp_path):
        command = [sys.executable, "-m", "export.serving", f"--target={server.rest}"]
        out = tmp_path / "grid.png"
        done = subprocess.run(
            [*command, "--model=pets", "--label=1", "--seeds=0-5", f"--out={out}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"6 samples: {out}" in done.stdout
        assert Image.open(out).size[0] > 3 * 12

    def test_independent_client(self, server):
        """OpenVINO Model Server's, which knows TensorFlow Serving's protocol."""
        ovmsclient = pytest.importorskip("ovmsclient")
        client = ovmsclient.make_grpc_client(server.grpc)
        inputs = {"seed": np.array(SEEDS, np.int32), "label": np.array(LABELS, np.int32)}
        status = client.get_model_status("pets", 1)
        assert status[1]["state"] == "AVAILABLE"
        metadata = client.get_model_metadata("pets", 1)
        assert set(metadata["inputs"]) == {"z", "label"}
        z = np.zeros((3, 8), np.float32)
        answer = client.predict({"z": z, "label": inputs["label"]}, "pets", 1)
        wanted = pets().generator(z, tf.constant(LABELS))
        np.testing.assert_allclose(answer, wanted, atol=1e-5)


class TestPage:
    def test_page(self, server, browser, emoji):
        """A person's way: class, seed, truncation, a direction, film, card, another model."""

        def change(**values) -> np.ndarray:
            """Moves controls."""
            script = ""
            for selector, value in values.items():
                control = f"document.querySelector('#{selector.replace('__', ' ')}')"
                script += f"{control}.value = {value}; "
                script += f"{control}.dispatchEvent(new Event('input')); "
            return drawn(script)

        def drawn(script: str) -> np.ndarray:
            """The first picture, when it is drawn anew; all in one go."""
            page.evaluate("delete document.body.dataset.ready; " + script)
            page.wait("document.body.dataset.ready === 'true'")
            return pixels("#grid canvas")

        def pixels(selector: str) -> np.ndarray:
            canvas = f"document.querySelector('{selector}')"
            context = f"{canvas}.getContext('2d').getImageData(0, 0, 12, 8)"
            values = page.evaluate(f"Array.from({context}.data)")
            return np.array(values).reshape(8, 12, 4)[..., :3]

        with browser.page(server.rest + "/") as page:
            text = html.unescape(page.html)
            assert "24 samples in" in text
            assert text.count("<canvas") == 25
            for name in ("cat", "dog", "T-shirt/top"):
                assert f">{name}</option>" in text
            made = change(**{"class": 2, "seed": 7, "truncation": 0.7})
            assert near(made, expected([7], [2])[0])
            made = change(sliders__input=1.5)
            (name, _) = pets().directions.names
            assert near(made, pets().edit([7], {name: 1.5}, 2, 0.7)[0])
            page.evaluate("document.getElementById('film').click()")
            page.wait("document.getElementById('film-canvas').width === 12")
            script = "JSON.stringify(Array.from(document.getElementById('film-canvas')"
            script += ".getContext('2d').getImageData(0, 0, 12, 8).data))"
            shown = page.evaluate(script)
            page.wait(f"{script} !== '{shown}'")
            page.evaluate("document.getElementById('film').click()")
            assert page.evaluate("document.getElementById('film-figure').hidden")
            assert page.evaluate("document.getElementById('status').className") == ""
            card = page.evaluate("document.querySelector('#card-link a').href")
            change(model=1)
            made = drawn("document.querySelectorAll('#attributes input')[1].click()")
            assert near(made, make_sampler(0, **ATTRIBUTES).sample([7], ["smile"], 0.7)[0])
            change(model=2)
            assert page.evaluate("document.getElementById('caption').value") == "a cat"
            assert page.evaluate("document.getElementById('captions').options.length") == 2
            made = change(caption="'a cat sat.'", guidance=2.5)
            assert near(made, emoji.sample([7], None, 0.7, 2.5, text="a cat sat.")[0])
            page.evaluate("document.getElementById('film').click()")
            page.wait("document.getElementById('film-canvas').width === 12")
            page.evaluate("document.getElementById('film').click()")
            assert page.evaluate("document.getElementById('status').className") == ""
            change(model=3)
            words = "document.querySelector('#grid .words').textContent"
            made = poems().sample([7], 0, 0.7)
            assert page.evaluate(words) == poems().modality.texts(made)[0]
            assert page.evaluate("document.querySelector('#grid canvas').hidden")
            change(**{"class": 1, "prefix": "'春風'", "temperature": 0.5, "top-p": 0.9})
            made = poems().sample([7], 1, 0.7, temperature=0.5, top_p=0.9, prefix="春風")
            assert page.evaluate(words) == poems().modality.texts(made)[0]
            change(prefix="'x'")
            assert "not in the vocabulary" in page.evaluate("document.body.textContent")
            change(model=4)
            shown = page.frames("#grid canvas", 4, (8, 16))
            page.evaluate("document.getElementById('film').click()")
            page.wait("document.getElementById('film-canvas').width === 16")
            change(model=5)
            (roll,) = page.frames("#grid canvas", 1, (12, 80))
            assert page.evaluate("document.querySelector('#grid a').download") == "seed7.mid"
        assert_shows(roll, tunes().sample([7], 0, truncation=0.7)[0], 63)
        clip = make_clip_sampler().sample([7], truncation=0.7)[0].astype(int)  # [4, 8, 16, 1]
        errors = np.abs(shown[:, np.newaxis] - clip).max(axis=(2, 3, 4))  # [4, 4]
        assert (errors.min(axis=0) <= 1).all()
        assert "<h2>Limits</h2>" in requests.get(card, timeout=30).text

    def test_card(self, server):
        answer = server.get("/page/card/pets/README.md")
        assert "<h2>Limits</h2>" in answer.text
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        text = server.get("/page/card/emoji/README.md").text
        assert "One caption a row" in text
        assert "a caption, or a vector of 8 numbers" in text
        picture = server.get("/page/card/pets/samples.png").content
        assert Image.open(io.BytesIO(picture)).size[0] > 100

    def test_counts(self, server):
        before = _requests_ok(server)
        server.predict("pets", {**SAMPLE, "inputs": columns()})
        server.predict("no such model", {})
        assert _requests_ok(server) == before + 1
        text = server.get("/monitoring/prometheus/metrics").text
        assert 'tgan_tf_requests_total{model="unknown",protocol="rest",status="NOT_FOUND"}' in text
        assert "tgan_tf_batch_size_bucket" in text


def _requests_ok(server) -> float:
    name = 'tgan_tf_requests_total{model="pets",protocol="rest",status="OK"} '
    text = server.get("/monitoring/prometheus/metrics").text
    return float(
        next((line for line in text.splitlines() if line.startswith(name)), "0 0").split()[-1]
    )


class TestVersions:
    def test_new_versions_replace_old_ones_and_no_request_is_lost(self, models, tmp_path):
        """Requests without a pause, while a version comes, a damaged one comes, and one goes."""
        folder = tmp_path / "pets"
        shutil.copytree(models / "pets" / "1", folder / "1")
        stop, failures, seen = threading.Event(), [], set()

        def version_now(server) -> str:
            entries = server.get("/v1/models/pets").json()["model_version_status"]
            return next(e["version"] for e in entries if e["state"] == "AVAILABLE")

        def ask(target: str) -> None:
            with Client(target, "pets") as client:
                while not stop.is_set():
                    try:
                        if not near(client.sample(SEEDS, LABELS, 0.7), expected()):
                            failures.append("other pixels")
                    except Exception as error:
                        failures.append(repr(error))

        def wait_for(condition) -> None:
            end = time.monotonic() + 60
            while not condition():
                assert time.monotonic() < end, "it did not happen"
                time.sleep(0.1)

        with serving(f"--model={folder}", "--poll_s=0.1", "--workers=1") as server:
            askers = [threading.Thread(target=ask, args=(t,)) for t in (server.grpc, server.rest)]
            for asker in askers:
                asker.start()
            seen.add(version_now(server))
            shutil.copytree(folder / "1", tmp_path / "beside")
            (tmp_path / "beside").rename(folder / "5")
            wait_for(lambda: version_now(server) == "5")
            # The damaged one is told of; what works goes on.
            (folder / "6").mkdir()
            (folder / "6" / "saved_model.pb").write_bytes(b"damaged")
            wait_for(lambda: "SavedModel" in server.get("/v1/models/pets/versions/6").text)
            assert version_now(server) == "5"
            entry = server.get("/v1/models/pets/versions/6").json()["model_version_status"][0]
            assert entry["state"] == "END"
            assert entry["status"]["error_code"] == "UNKNOWN"
            # Going back: the newest goes.
            shutil.rmtree(folder / "6")
            (folder / "5").rename(tmp_path / "gone")
            wait_for(lambda: version_now(server) == "1")
            stop.set()
            for asker in askers:
                asker.join()
            assert failures == []
            self.stopping_answers_what_was_asked(server)

    @staticmethod
    def stopping_answers_what_was_asked(server) -> None:
        with Client(server.grpc, "pets", timeout_s=3) as client, ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(client.sample, range(16 * 8), 1) for _ in range(4)]
            time.sleep(0.05)
            code, out = server.stop(signal.SIGTERM)
            assert code == 0
            # Each has its samples, or was told that the server is gone: none hangs, and no answer
            # is cut.
            errors = [future.exception(timeout=60) for future in asked]
            told = [str(error) for error in errors if error is not None]
            assert all("UNAVAILABLE" in text for text in told), told
        assert "Stopping" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --model=FOLDER"),
        (["--model={models}/none"], "no version of a model here, like 1/saved_model.pb; python -m"),
        (["--model={models}/pets/1"], "no version of a model here, like 1/saved_model.pb; give /"),
        (["--model={models}/pets", "--labels=stable"], "--labels: 'stable' is no label"),
        (["--model={models}/pets", "--port=0"], "port"),
        (["--model_config_file=none"], "--model_config_file=none: no such file"),
    ],
)
def test_flags(models, arguments, message):
    command = [sys.executable, "-m", "export.serve"]
    given = [argument.format(models=models) for argument in arguments]
    done = subprocess.run([*command, *given], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_port_that_is_taken(models):
    """It is told before TensorFlow starts."""
    with socket.socket() as other:
        other.bind(("localhost", 0))
        other.listen()
        command = [sys.executable, "-m", "export.serve", f"--model={models / 'pets'}"]
        port = f"--rest_api_port={other.getsockname()[1]}"
        done = subprocess.run(
            [*command, port, f"--port={free_port()}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"error: {port}, --host=localhost: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
