"""What TensorFlow Serving is run with: files that its own messages read, and that agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config import model_server_config_pb2

from export.serve.__main__ import read_config
from tests.export.servers import ROOT

KIT = ROOT / "export" / "serving"
FLAGS = {
    "model_config_file": "/config/models.config",
    "batching_parameters_file": "/config/batching.config",
    "monitoring_config_file": "/config/monitoring.config",
}


def messages(**fields: dict[str, str]) -> dict[str, type]:
    """Message classes from names of fields and their types.

    The published package has no session_bundle_config.proto and no monitoring_config.proto; these
    are their fields, of TensorFlow Serving 2.19.
    """
    file = descriptor_pb2.FileDescriptorProto(name="kit.proto", package="kit", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, entries in fields.items():
        described = file.message_type.add(name=message)
        for number, (name, kind) in enumerate(entries.items(), 1):
            label = kinds.LABEL_REPEATED if kind.startswith("repeated ") else kinds.LABEL_OPTIONAL
            field = described.field.add(name=name, number=number, label=label)
            kind = kind.removeprefix("repeated ")
            if scalar := getattr(kinds, f"TYPE_{kind.upper()}", None):
                field.type = scalar
            else:
                field.type, field.type_name = kinds.TYPE_MESSAGE, f".kit.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"kit.{name}"))
        for name in fields
    }


MESSAGES = messages(
    Int64Value={"value": "int64"},
    BatchingParameters={
        "max_batch_size": "Int64Value",
        "batch_timeout_micros": "Int64Value",
        "max_enqueued_batches": "Int64Value",
        "num_batch_threads": "Int64Value",
        "allowed_batch_sizes": "repeated int64",
    },
    PrometheusConfig={"enable": "bool", "path": "string"},
    MonitoringConfig={"prometheus_config": "PrometheusConfig"},
)


def parse(name: str, message: object) -> object:
    return text_format.Parse((KIT / name).read_text(encoding="utf-8"), message)


def test_models():
    (model,) = parse(
        "models.config", model_server_config_pb2.ModelServerConfig()
    ).model_config_list.config
    assert model.base_path == f"/models/{model.name}"
    assert set(model.version_labels) == {"stable", "canary"}
    (read,) = read_config(KIT / "models.config")
    assert (read.name, read.base_path, read.latest) == ("digits", Path("/models/digits"), 2)
    # Two versions are kept, so that going back needs no loading.
    assert read.wanted([1, 2, 3]) == {1, 2, 3}


def test_batching():
    read = parse("batching.config", MESSAGES["BatchingParameters"]())
    sizes = list(read.allowed_batch_sizes)
    assert sizes == sorted(sizes)
    assert sizes[-1] == read.max_batch_size.value  # else the server does not start


def test_monitoring():
    read = parse("monitoring.config", MESSAGES["MonitoringConfig"]())
    assert read.prometheus_config.enable
    (path,) = re.findall(
        r"prometheus.io/path: (\S+)", (KIT / "kubernetes.yaml").read_text(encoding="utf-8")
    )
    assert read.prometheus_config.path == path


def test_compose():
    compose = yaml.safe_load((KIT / "docker-compose.yml").read_text(encoding="utf-8"))
    service = compose["services"]["serving"]
    check_flags(service["command"])
    mounts = dict(volume.rsplit(":", 2)[-3:-1] for volume in service["volumes"])
    assert set(mounts.values()) == {"/models", "/config"}


def test_kubernetes():
    text = (KIT / "kubernetes.yaml").read_text(encoding="utf-8")
    objects = {entry["kind"]: entry for entry in yaml.safe_load_all(text)}
    pod = objects["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    check_flags(container["args"])
    labels = pod["metadata"]["labels"]
    for selector in (
        objects["Deployment"]["spec"]["selector"]["matchLabels"],
        objects["Service"]["spec"]["selector"],
        objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    ports = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in objects["Service"]["spec"]["ports"]} == ports
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    made = yaml.safe_load((KIT / "kustomization.yaml").read_text(encoding="utf-8"))
    (generated,) = made["configMapGenerator"]
    (used,) = [v["configMap"]["name"] for v in pod["spec"]["volumes"] if "configMap" in v]
    assert generated["name"] == used
    assert {f"/config/{file}" for file in generated["files"]} == set(FLAGS.values())
    for file in [*generated["files"], *made["resources"]]:
        assert (KIT / file).is_file()
    assert container["image"].partition(":")[2] in (KIT / "docker-compose.yml").read_text()


def check_flags(arguments: list[str]) -> None:
    given = dict(argument.removeprefix("--").split("=") for argument in arguments)
    assert FLAGS.items() <= given.items()
    assert given["enable_grpc_healthcheck_service"] == "true"
    assert given["enable_batching"] == "true"
    assert given["allow_version_labels_for_unavailable_models"] == "true"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_list { config { nam: 'x' } }", "no ModelServerConfig"),
        ("model_config_list { config { base_path: '/x' } }", "each with a name of its own"),
        ("", "list models in model_config_list"),
    ],
)
def test_mistakes_in_the_list_of_models(tmp_path, text, message):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path / "models.config")


def test_policies(tmp_path):
    (tmp_path / "models.config").write_text(
        """model_config_list {
          config { name: "a" base_path: "a" model_version_policy { all {} } }
          config { name: "b" base_path: "b" model_version_policy { specific { versions: 2 } } }
          config { name: "c" base_path: "c" version_labels { key: "old" value: 1 } }
        }"""
    )
    every, two, newest = read_config(tmp_path / "models.config")
    assert every.base_path == (tmp_path / "a").resolve()
    assert every.wanted([1, 2, 3]) == {1, 2, 3}
    assert two.wanted([1, 2, 3]) == {2}
    assert newest.wanted([1, 2, 3]) == {1, 3}
