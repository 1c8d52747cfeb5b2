"""What stands under deploy/ is true to the settings, starts what `up` starts, and has no more than it needs (H06)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from config import env, production
from config.env import ROOT
from config.health import PROBES
from config.programs import own_programs
from config.settings import ENV
from tests.house.test_production import OURS, RIGHT

DEPLOY = ROOT / "deploy"
OF_SERVERS = {"POSTGRES_PASSWORD", "TANDEM_DATABASE_PASSWORD", "RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"}
OF_SERVERS |= {"TANDEM_BROKER_PASSWORD"}
OWN = ("web", "worker", "scheduler", "prepare")
NOT_CAPABLE = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def known() -> set[str]:
    """Every variable that config/ reads."""
    code = "".join(path.read_text() for path in (ROOT / "config").glob("*.py"))
    return set(re.findall(r'(?:given|environ\.get)\("([A-Z_]+)"', code))


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / name).read_text())
    return found


def manifests() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if path.name != "kustomization.yaml":
            yield from ((path, each) for each in yaml.safe_load_all(path.read_text()))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, each in manifests():
        if "template" in each.get("spec", {}):
            yield f"{path.name} {each['metadata']['name']}", each["spec"]["template"]["spec"]


def test_every_manifest_is_one_of_kubernetes() -> None:
    for path, each in manifests():
        kubernetes_validate.validate(each, "1.32", strict=True)
        assert (
            path.name in {"secret.example.yaml", "servers.yaml", "rabbitmq.yaml"}
            or path.name in (yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())["resources"])
        )


def test_every_variable_that_is_set_is_one_that_tandem_reads() -> None:
    named = set(re.findall(r"\b(TANDEM_[A-Z_]+)=", (DEPLOY / "Containerfile").read_text()))
    for name in ("compose.yaml", "rabbitmq.yaml"):
        for service in compose(name)["services"].values():
            named |= set(service.get("environment", {}))
    for _, each in manifests():
        if each["kind"] in ("ConfigMap", "Secret"):
            named |= set(each.get("data", {})) | set(each.get("stringData", {}))
    for _, pod in pods():
        named |= {variable["name"] for container in pod["containers"] for variable in container.get("env", [])}

    assert named - OF_SERVERS - {"TANDEM_HOME", "TANDEM_NO_BOOTSTRAP"} <= known()
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose" / "compose.yaml").read_text()))
    offered = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose" / ".env.example").read_text(), re.MULTILINE))
    assert asked == offered


def test_they_start_the_same_processes_as_up_and_ask_at_addresses_that_are_there() -> None:
    commands = {name: service.get("command") for name, service in compose()["services"].items()}
    for _, pod in pods():
        container = pod["containers"][0]
        if container["name"] in OWN:
            assert container["command"] == commands[container["name"]]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container.get(probe, {}).get("httpGet", {}).get("path", "/livez")
            assert path in PROBES, "a liveness probe that asks the database would kill what only waits for it"
    for program in own_programs(ENV):
        said = [word for word in program.command if word.startswith("--") or "," in word or word.isdigit()]
        assert all(word in commands[program.name] for word in said), program.name


def test_h06_no_container_has_more_rights_than_it_needs() -> None:
    for where, pod in pods():
        rights = pod["securityContext"]
        assert (rights["runAsNonRoot"], rights["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), where
        assert pod["automountServiceAccountToken"] is False, where
        assert all(container["securityContext"] == NOT_CAPABLE for container in pod["containers"]), where
        assert not any("hostPath" in volume for volume in pod.get("volumes", [])), where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), where
    for name, service in compose()["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not any("docker.sock" in str(volume) for volume in service.get("volumes", [])), name
        if name in OWN:
            assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"]), name
    image = (DEPLOY / "Containerfile").read_text()
    assert set(re.findall(r"-m venv (\S+)", image)) <= set(re.findall(r"^COPY --from=made (\S+)", image, re.MULTILINE))
    assert re.findall(r"^USER (.+)$", image, re.MULTILINE)[-1] == "10001:10001"
    assert "tandem-seals" not in str([pod for where, pod in pods() if "scheduler" not in where])


@pytest.mark.parametrize("broker", ["compose.yaml", "rabbitmq.yaml"])
def test_with_keys_and_passwords_filled_in_they_are_safe_enough_to_start(
    broker: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    filled = {**RIGHT, "TANDEM_HOST": "tandem.example.org", "TANDEM_DATABASE_PASSWORD": "uNguessable-1"}
    filled |= {"TANDEM_BROKER_PASSWORD": "uNguessable-2"}
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    said = compose()["services"]["scheduler"]["environment"] | compose(broker)["services"]["worker"]["environment"]
    for name, value in said.items():
        monkeypatch.setenv(name, re.sub(r"\$\{([A-Z_]+)[^}]*\}", lambda found: filled.get(found[1], ""), value))
    monkeypatch.setenv("TANDEM_HOME", str(home))

    asked = env.read()

    assert production.is_production(asked)
    assert list(production.problems(asked)) == []
    production.require_signing_keys(asked)


def test_a_file_of_passwords_goes_neither_into_git_nor_into_the_image() -> None:
    assert (DEPLOY / "compose" / ".env.example").exists()
    for name in (".gitignore", ".dockerignore"):
        assert "**/.env" in (ROOT / name).read_text().splitlines(), name
