"""docker-compose.yml says what runs, in containers as in the fleet."""

import json
import re
from pathlib import Path

import pytest
import yaml

from deploy.fleet.compose import ComposeError, Service, interpolate, read, seconds
from deploy.fleet.images import PROJECT
from tests.stack.fleet import RunningFleet

GIVEN = {"SECRET_KEY": "k", "ALLOWED_HOSTS": "localhost"}
SET_BY_THE_SERVICE = {"HOST", "PORT"}  # on the command line of `serve`


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return read(PROJECT / "docker-compose.yml", GIVEN)


@pytest.mark.parametrize(
    ("text", "filled_in"),
    [
        ("${A}", "1"),
        ("${A:-2}", "1"),
        ("${B:-2}", "2"),
        ("${EMPTY:-2}", "2"),
        ("${B:-}", ""),
        ("x${A}y$$z", "x1y$z"),
        ("${A:?say so}", "1"),
    ],
)
def test_it_fills_in_variables(text: str, filled_in: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": ""}) == filled_in


@pytest.mark.parametrize("name", ["SECRET_KEY", "ALLOWED_HOSTS"])
def test_it_names_a_variable_that_is_missing_and_what_to_do(name: str) -> None:
    given = {key: value for key, value in GIVEN.items() if key != name}
    with pytest.raises(ComposeError, match=rf"{name} .*make \.env"):
        read(PROJECT / "docker-compose.yml", given)


@pytest.mark.parametrize(("text", "amount"), [("20s", 20), ("1m30s", 90), ("500ms", 0.5)])
def test_it_reads_durations(text: str, amount: float) -> None:
    assert seconds(text) == amount


def test_it_has_a_healthcheck_and_a_restart_policy_on_whatever_stays_up(services: dict[str, Service]) -> None:
    lasting = [service for service in services.values() if service.name != "migrate"]
    assert {service.name for service in lasting} == {"nginx", "web", "worker", "db", "redis"}
    assert all(service.healthcheck and service.restart == "unless-stopped" for service in lasting)


def test_it_publishes_nginx_alone() -> None:
    document = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    assert [name for name, entry in document["services"].items() if "ports" in entry] == ["nginx"]
    assert all(document["services"][name]["networks"] == ["data"] for name in ("db", "redis", "migrate"))
    assert document["networks"]["data"]["internal"] is True


def test_it_passes_every_setting_on(services: dict[str, Service]) -> None:
    known = set(re.findall(r'variable\(\s*"(\w+)"', (PROJECT / "project" / "settings.py").read_text()))
    assert known
    for name in ("web", "worker", "migrate"):
        assert known - SET_BY_THE_SERVICE == set(services[name].environment)


def test_it_lets_web_and_worker_wait_for_the_migrations(services: dict[str, Service]) -> None:
    for name in ("web", "worker"):
        assert services[name].depends_on["migrate"] == "service_completed_successfully"


def test_it_puts_what_the_services_run_into_the_image() -> None:
    kept = {line[1:].rstrip("/") for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    program = {"manage.py", "project", "imgs", "realtime", "static", "templates", "locale", "deploy/health.py"}
    assert kept == program | copied_by_name()
    assert all((PROJECT / path).exists() for path in kept)


def test_it_runs_the_program_as_root_in_no_step_of_the_build() -> None:
    """A new volume begins with what the image has in its place: root's folders there, web could not write to."""
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    steps = [number for number, line in enumerate(lines) if "manage.py" in line and not line.startswith("#")]
    assert steps
    assert min(steps) > lines.index("USER dinding")


def test_it_keeps_no_more_than_the_newest_of_every_log() -> None:
    document = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    for entry in document["services"].values():
        assert {"max-size", "max-file"} <= set(entry["logging"]["options"])


def copied_by_name() -> set[str]:
    """What the Dockerfile takes from the project file by file; what .dockerignore leaves out, it does not find."""
    words = [line.split() for line in (PROJECT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    sources = {source for line in words if not line[1].startswith("--") for source in line[1:-1]}
    assert "." in sources
    return sources - {"."}


def test_the_fleet_runs_each_service_as_often_as_asked(fleet: RunningFleet) -> None:
    running = {path.stem for path in fleet.folder.glob("*.pid")}
    assert running == {"nginx.1", "web.1", "web.2", "worker.1", "worker.2", "db.1", "redis.1"}
    assert set(fleet.ports) == {"nginx.1", "web.1", "web.2", "db.1", "redis.1"}
    assert "migrate" not in running
    assert "Applying imgs.0001_initial... OK" in (fleet.folder / "migrate.1.log").read_text()


def test_the_fleet_uses_no_standard_port(fleet: RunningFleet) -> None:
    assert not set(fleet.ports.values()) & {80, 443, 5432, 6379, 8000, 8080}


@pytest.mark.parametrize("name", ["web.1", "web.2", "worker.1", "worker.2"])
def test_the_fleet_changes_only_addresses_in_commands_and_environment(
    fleet: RunningFleet, services: dict[str, Service], name: str
) -> None:
    ports = fleet.ports
    back = {
        f"127.0.0.1:{ports['db.1']}": "db:5432",
        f"127.0.0.1:{ports['redis.1']}": "redis:6379",
        str(fleet.folder / "data"): "/data",
        str(ports.get(name)): "8000",
    }

    def undo(text: str) -> str:
        for here, inside in back.items():
            text = text.replace(here, inside)
        return text

    service = services[name.partition(".")[0]]
    program, *words = _nul_separated(fleet.pid(name), "cmdline")
    assert Path(program).name == service.command[0]
    assert [undo(word) for word in words] == [word.replace("0.0.0.0", "127.0.0.1") for word in service.command[1:]]
    environment = dict(pair.split("=", 1) for pair in _nul_separated(fleet.pid(name), "environ"))
    secrets = json.loads((fleet.folder / "secrets.json").read_text())
    given = {**secrets, "ALLOWED_HOSTS": "localhost,127.0.0.1", "UPLOAD_RATE": environment["UPLOAD_RATE"]}
    wanted = read(PROJECT / "docker-compose.yml", given)[service.name].environment
    assert {key: undo(environment[key]) for key in wanted} == wanted


@pytest.mark.parametrize("name", ["nginx", "db", "redis"])
def test_the_fleet_starts_the_services_it_did_not_build_with_their_own_words(
    fleet: RunningFleet, services: dict[str, Service], name: str
) -> None:
    line = " ".join(_nul_separated(fleet.pid(f"{name}.1"), "cmdline"))
    command = services[name].command
    assert re.search(rf"\b{command[0]}\b", line)
    # redis-server replaces its command line by its address
    assert name == "redis" or " ".join(command[1:]) in line


def _nul_separated(pid: int, kind: str) -> list[str]:
    return [part for part in Path(f"/proc/{pid}/{kind}").read_bytes().decode().split("\0") if part]
