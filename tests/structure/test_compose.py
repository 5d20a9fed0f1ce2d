"""The container files can't be run where there is no Docker: so everything in them that the code decides is compared
with the code. What they start is run without containers in `tests/server/test_scaled.py`."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute

from core.settings import Environment
from server.cli.main import cli
from server.routes import health

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("qunzhu:")]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
VARIABLES = {f"QUNZHU_{name.upper()}" for name in Environment.model_fields}
SECRETS = {"QUNZHU_SECRET_KEY", "POSTGRES_PASSWORD"}


def test_every_variable_of_ours_is_one_that_the_settings_know() -> None:
    """A misspelt variable is ignored in silence."""
    named = set(re.findall(r"QUNZHU_[A-Z_]+", (ROOT / "compose.yaml").read_text("utf-8") + DOCKERFILE))
    assert named <= VARIABLES
    assert {"QUNZHU_DATABASE_URL", "QUNZHU_CHROMA_URL", "QUNZHU_SECRET_KEY", "QUNZHU_WORKER_THREADS"} <= named


def test_secrets_come_from_outside_and_nothing_starts_without_them() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    for name in SECRETS:
        assert re.findall(rf"\$\{{{name}[:}}-]+", text) == [f"${{{name}:"] * text.count(f"${{{name}")
        assert f"${{{name}:?" in text, "required"
    assert SERVICES["api"]["environment"]["QUNZHU_ENV"] == "production"
    assert not SECRETS & set(re.findall(r"[A-Z_]{6,}", DOCKERFILE))


@pytest.mark.parametrize("name", [name for name in OURS if name != "chroma"])
def test_every_command_and_option_is_one_of_the_command_line(name: str) -> None:
    command, *rest = SERVICES[name]["command"]
    context = cli.make_context("qunzhu", ["--help"], resilient_parsing=True)
    found = cli.get_command(context, command)
    assert found is not None
    assert found.make_context(command, rest) is not None


def test_apis_leave_the_work_to_the_workers() -> None:
    assert SERVICES["api"]["environment"]["QUNZHU_WORKER_THREADS"] == "0"
    assert int(SERVICES["worker"]["environment"]["QUNZHU_WORKER_THREADS"]) > 0


def _health(name: str) -> str:
    return " ".join(SERVICES[name].get("healthcheck", {}).get("test", []))


def _docker_health() -> str:
    found = re.search(r"HEALTHCHECK.*?CMD (\[.*?\])\n", DOCKERFILE, re.DOTALL)
    assert found is not None
    return found.group(1)


def test_healthchecks_ask_routes_that_there_are_at_ports_that_are_listened_on() -> None:
    routes = {route.path for route in health.router.routes if isinstance(route, APIRoute)}
    port, path = _asked(_docker_health())
    assert path in routes
    assert f"QUNZHU_PORT={port}" in DOCKERFILE
    assert f"EXPOSE {port}" in DOCKERFILE
    assert SERVICES["worker"]["command"][-1] == port, "the image's check serves the worker too"
    assert _asked(_health("chroma"))[0] == SERVICES["chroma"]["command"][-1]
    assert SERVICES["api"]["environment"]["QUNZHU_CHROMA_URL"].endswith(f":{port}")


def _asked(check: str) -> tuple[str, str]:
    found = re.search(r"http://127\.0\.0\.1:(\d+)(/[a-z0-9/]*)", check)
    assert found is not None
    return found.group(1), found.group(2)


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["api"]
    (port,) = SERVICES["api"]["ports"]
    host, outside, inside = port.split(":")
    first, last = map(int, outside.split("-"))
    assert (host, inside) == ("127.0.0.1", "8000")
    assert last - first + 1 == SERVICES["api"]["deploy"]["replicas"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert all(SERVICES[name]["networks"] == ["inside"] for name in ("postgres", "chroma", "migrate"))


def test_images_are_pinned_and_run_as_nobody_in_particular() -> None:
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert [image for image in images if not re.search(r":\d+\.\d+", image)] == []
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["qunzhu"]
    assert "--require-hashes -r requirements.lock" in DOCKERFILE


def test_data_that_must_stay_lies_in_volumes() -> None:
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert mounted == set(COMPOSE["volumes"]) == {"postgres", "chroma"}


def test_everything_the_wheel_is_made_of_reaches_the_image() -> None:
    packages = re.search(r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert packages is not None
    wanted = re.findall(r'"(\w+)"', packages.group(1))
    assert re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE) == wanted
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{name}" for name in [*wanted, "pyproject.toml", "README.md", "requirements.lock"]} <= set(ignored)


def test_who_waits_for_whom() -> None:
    for name in ("api", "worker"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for a check of {other}"
