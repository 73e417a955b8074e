"""The Kubernetes manifests: true to Kubernetes' own schemas, and as guarded as docs/deployment.md says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from devtools.toolchain import ROOT
from services.delivery.settings import DeliverySettings
from services.intake.settings import IntakeSettings
from services.router.settings import RouterSettings

K8S = ROOT / "deploy" / "k8s"
VERSIONS = ("1.29", "1.31", "1.35")
OWN = {"intake": IntakeSettings, "router": RouterSettings, "delivery": DeliverySettings}


def resources(folder: Path) -> Iterator[dict[str, Any]]:
    """Of every file that the kustomization names; none may lie beside it unnamed."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    named = set(kustomization["resources"])
    assert named == {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    for name in sorted(named):
        yield from yaml.safe_load_all((folder / name).read_text())


ALL = [*resources(K8S), *resources(K8S / "receiver")]
WORKLOADS = [item for item in ALL if item["kind"] in {"Deployment", "StatefulSet"}]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_fits_its_schema(version: str) -> None:
    for item in ALL:
        kubernetes_validate.validate(item, version, strict=True)


def test_the_checker_finds_what_is_wrong() -> None:
    broken = {**next(item for item in ALL if item["kind"] == "Deployment"), "spec": {"replicas": "three"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda item: str(item["metadata"]["name"]))
def test_every_pod_is_guarded(workload: dict[str, Any]) -> None:
    spec = workload["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert container["resources"]["limits"]["memory"]
    for volume in spec["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440  # services refuse a secret that is open to everyone
    assert not any("secretKeyRef" in str(entry) for entry in container.get("env", []))


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda item: str(item["metadata"]["name"]))
def test_every_variable_is_a_setting(workload: dict[str, Any]) -> None:
    name = workload["metadata"]["name"]
    if name not in OWN:
        return
    prefix = name.upper() + "_"
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    for entry in container["env"]:
        assert entry["name"].removeprefix(prefix).lower() in OWN[name].model_fields


def test_consumers_keep_their_name_over_a_restart() -> None:
    """Static group membership rests on it: a StatefulSet, and the pod's name as instance id."""
    for name in ("router", "delivery"):
        workload = next(item for item in WORKLOADS if item["metadata"]["name"] == name)
        assert workload["kind"] == "StatefulSet"
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        found = next(entry for entry in container["env"] if entry["name"] == f"{name.upper()}_INSTANCE_ID")
        assert found["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_the_receiver_is_alone() -> None:
    receiver = next(item for item in WORKLOADS if item["metadata"]["name"] == "receiver")
    assert (receiver["kind"], receiver["spec"]["replicas"]) == ("StatefulSet", 1)
