"""The Kubernetes manifests: true to Kubernetes' own schemas, and as guarded as docs/deployment.md says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import kubernetes_validate
import pytest
import yaml

from devtools.compose_setup import USERS
from devtools.toolchain import ROOT
from services.delivery.settings import DeliverySettings
from services.intake.http import Api
from services.intake.routes import operations
from services.intake.settings import IntakeSettings
from services.portal.settings import PortalSettings
from services.router.settings import RouterSettings
from shared.store.settings import StoreSettings

K8S = ROOT / "deploy" / "k8s"
VERSIONS = ("1.29", "1.31", "1.35")
OWN = {
    "intake": IntakeSettings,
    "router": RouterSettings,
    "delivery": DeliverySettings,
    "portal": PortalSettings,
}


def resources(folder: Path) -> Iterator[dict[str, Any]]:
    """Of every file that the kustomization names; none may lie beside it unnamed."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    named = set(kustomization["resources"])
    assert named == {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    for name in sorted(named):
        yield from yaml.safe_load_all((folder / name).read_text())


ALL = [*resources(K8S), *resources(K8S / "ingress"), *resources(K8S / "receiver")]
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
    own = [entry["name"] for entry in container["env"] if entry["name"].startswith(prefix)]
    assert all(variable.removeprefix(prefix).lower() in OWN[name].model_fields for variable in own)
    others = {entry["name"] for entry in container["env"]} - set(own)
    assert {variable.removeprefix("STORE_").lower() for variable in others} <= StoreSettings.model_fields.keys()


def named(kind: str, name: str) -> dict[str, Any]:
    return next(item for item in ALL if item["kind"] == kind and item["metadata"]["name"] == name)


def container_of(workload: dict[str, Any]) -> dict[str, Any]:
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    return dict(container)


def value_of(workload: dict[str, Any], variable: str) -> str:
    """As the container gets it; from the shared ConfigMap where it takes all of that."""
    container = container_of(workload)
    own = {entry["name"]: entry.get("value", "") for entry in container["env"]}
    shared = named("ConfigMap", "infrastructure")["data"] if "envFrom" in container else {}
    return str({**shared, **own}[variable])


def test_each_service_has_the_account_and_bucket_that_set_up_opens() -> None:
    for bucket, services in USERS.items():
        for name in services:
            workload = next(item for item in WORKLOADS if item["metadata"]["name"] == name)
            assert (value_of(workload, "STORE_BUCKET"), value_of(workload, "STORE_ACCESS_KEY")) == (bucket, name)


def test_the_portal_gets_nothing_of_kafka() -> None:
    portal = named("Deployment", "portal")
    assert "envFrom" not in container_of(portal)
    assert "kafka" not in str(portal)
    (policy,) = (item for item in ALL if item["kind"] == "NetworkPolicy" and _selects(item, "portal", "Egress"))
    assert "kafka" not in str(policy)
    assert {"app.kubernetes.io/name": "intake"} in [
        peer.get("podSelector", {}).get("matchLabels") for rule in policy["spec"]["egress"] for peer in rule["to"]
    ]


def test_the_portals_own_page_is_shown_while_what_is_behind_it_is_away() -> None:
    """Its readiness knows of intake and the store; the address must not."""
    probe = container_of(named("Deployment", "portal"))["readinessProbe"]
    assert probe["httpGet"]["path"] == "/health/live"


def _selects(policy: dict[str, Any], name: str, direction: str) -> bool:
    """Names it; the policy for all pods, which allows nothing, does not count."""
    selector, label = policy["spec"]["podSelector"], "app.kubernetes.io/name"
    names = [selector.get("matchLabels", {}).get(label)]
    names += [each for rule in selector.get("matchExpressions", []) for each in rule["values"]]
    return name in names and direction in policy["spec"]["policyTypes"]


def _paths(ingress: str) -> dict[str, str]:
    """Path → service of its one host."""
    (rule,) = named("Ingress", ingress)["spec"]["rules"]
    return {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}


def _led_to(ingress: str, path: str) -> str | None:
    """The service that a path leads to: the longest prefix of whole segments, as the specification says."""
    fitting = [each for each in _paths(ingress) if f"{path}/".startswith(f"{each.rstrip('/')}/")]
    return _paths(ingress)[max(fitting, key=len)] if fitting else None


def test_the_ingress_leads_to_what_is_public_and_to_nothing_else() -> None:
    declared = [operation.path for operation in operations(cast("Api", Mock()))]
    for path in (*declared, "/openapi.json", "/problems", "/problems/busy"):
        assert _led_to("intake", path) == "intake", path
    assert _led_to("delivery", "/v1/deliveries/0/events") == "delivery-answers"
    assert _led_to("portal", "/") == _led_to("portal", "/frage/close.remarks") == "portal"
    for path in ("/health/ready", "/health/live", "/metrics"):
        assert _led_to("portal", path) == "not-public"
        assert _led_to("intake", path) is None
        assert _led_to("delivery", path) is None
    assert "selector" not in named("Service", "not-public")["spec"]


@pytest.mark.parametrize("name", ["portal", "intake", "delivery"])
def test_what_is_public_has_tls_and_lets_the_ingress_in(name: str) -> None:
    spec = named("Ingress", name)["spec"]
    assert [rule["host"] for rule in spec["rules"]] == [host for entry in spec["tls"] for host in entry["hosts"]]
    for service in set(_paths(name).values()) - {"not-public"}:
        assert named("Service", service)["spec"]["selector"] == {"app.kubernetes.io/name": name}
    policies = [item for item in ALL if item["kind"] == "NetworkPolicy" and _selects(item, name, "Ingress")]
    peers = [peer for policy in policies for rule in policy["spec"]["ingress"] for peer in rule["from"]]
    assert {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}} in peers


@pytest.mark.parametrize("name", ["intake", "portal"])
def test_an_upgrade_refuses_nobody(name: str) -> None:
    """One more before one less; a pod serves until the address has forgotten it, and then has time to finish."""
    workload = named("Deployment", name)
    assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    (_, wait_s) = container_of(workload)["lifecycle"]["preStop"]["exec"]["command"]
    drain_s = OWN[name].model_fields["drain_s"].default
    assert workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > int(wait_s) + drain_s + 10


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
