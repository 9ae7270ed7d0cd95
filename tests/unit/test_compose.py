"""`docker-compose.yml` and `Dockerfile`: no Docker engine is at hand, so what they name is held against what exists."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import typer.main
from compose_spec import PyCompose
from compose_spec.models import ComposeSpecification, Service
from ruamel.yaml import YAML
from typer.core import TyperGroup

from stream_app.cli import make_app
from stream_app.local.jars import kafka_version
from stream_app.local.services import PARTS

_APP = ("topics", "worker", "projector", "serve", "lag", "demo")
_MONITORING = ("lag", "prometheus", "grafana")


@pytest.fixture
def compose(repository: Path) -> ComposeSpecification:
    """The compose file as its specification has it: merge keys merged, variables replaced by their defaults."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (repository / "docker-compose.yml").read_text())
    return PyCompose.from_json(json.dumps(YAML(typ="safe").load(text))).to_spec()


@pytest.fixture
def services(compose: ComposeSpecification) -> dict[str, Service]:
    """Its services by name."""
    assert compose.services is not None
    return compose.services


def check_command(words: list[str]) -> set[str]:
    """The environment variables of the command that these words of the command line lead to.

    Fails where there is no such command, or it knows no such option, or needs more.
    """
    found = typer.main.get_command(make_app())
    rest = iter(words)
    for word in rest:
        if word.startswith("-"):
            options = {option: parameter for parameter in found.params for option in parameter.opts}
            assert word in options, words
            if not getattr(options[word], "is_flag", False):
                next(rest)  # its value
        else:
            assert isinstance(found, TyperGroup), words
            assert word in found.commands, words
            found = found.commands[word]
    assert not isinstance(found, TyperGroup) or found.invoke_without_command, words
    for parameter in found.params:
        assert not parameter.required or set(parameter.opts) & set(words), (words, parameter.name)
    variables: set[str] = set()
    for parameter in found.params:
        named = parameter.envvar or []
        variables.update([named] if isinstance(named, str) else named)
    return variables


def test_services_are_the_system(services: dict[str, Service]) -> None:
    """A broker, a store, a job for the topics, workers, projection and API, and the demo for who asks for it."""
    assert set(services) == {"kafka", "valkey", *_APP, *_MONITORING}
    profiles = {name: set(service.profiles) for name, service in services.items() if service.profiles}
    assert profiles == {"demo": {"demo"}, **{name: {"monitoring"} for name in _MONITORING}}


@pytest.mark.parametrize("name", _APP)
def test_commands_exist(services: dict[str, Service], name: str) -> None:
    """What a container runs is a command of the CLI, with options that it has."""
    words = services[name].command
    assert isinstance(words, list)
    check_command(words)


@pytest.mark.parametrize("name", ["worker", "projector"])
def test_health_check_is_a_command(services: dict[str, Service], name: str) -> None:
    """It asks with the image's own program."""
    check = services[name].healthcheck
    assert check is not None
    assert isinstance(check.test, list)
    assert check.test[:2] == ["CMD", "stream-app"]
    check_command(check.test[2:])


@pytest.mark.parametrize("name", ["kafka", "valkey", *_MONITORING, "worker", "projector", "serve"])
def test_long_running_services_have_a_health_check(services: dict[str, Service], name: str) -> None:
    """And come back when they end."""
    assert services[name].healthcheck is not None
    assert services[name].restart == "unless-stopped"


def test_whom_a_service_waits_for_exists_and_can_be_waited_for(services: dict[str, Service]) -> None:
    """A healthy one has a health check; one that completes does not run for ever."""
    for name, service in services.items():
        assert service.depends_on is None or isinstance(service.depends_on, dict), name
        for other, condition in (service.depends_on or {}).items():
            wanted = condition.condition.value
            if wanted == "service_healthy":
                assert services[other].healthcheck is not None, (name, other)
            elif wanted == "service_completed_successfully":
                assert services[other].restart == "no", (name, other)


def test_worker_scales(services: dict[str, Service]) -> None:
    """Nothing of which there can be only one: no name, no port of the host, no volume of its own."""
    worker = services["worker"]
    assert (worker.container_name, worker.ports, worker.volumes, worker.hostname) == (None, None, None, None)


@pytest.mark.parametrize("name", _APP)
def test_environment_is_known_and_points_at_the_services(services: dict[str, Service], name: str) -> None:
    """Each variable is one that the program reads; its host is a service of this file."""
    service = services[name]
    assert isinstance(service.environment, dict)
    assert isinstance(service.command, list)
    known = check_command(service.command) | {part.variable for part in PARTS}
    assert set(service.environment) - known == set()
    assert service.environment["KAFKA_BROKER"] == "kafka:9092"
    assert service.environment["REDIS_URL"] == "redis://valkey:6379/0"


def test_images_are_pinned_and_kafka_is_the_embedded_one(services: dict[str, Service]) -> None:
    """The same Kafka in a container and embedded; no image floats."""
    assert services["kafka"].image == f"apache/kafka:{kafka_version()}"
    for name, service in services.items():
        assert service.image is not None
        assert re.fullmatch(r"[a-z/-]+:(v?\d+\.\d+\.\d+|local)", service.image), name


def test_volumes_are_declared(compose: ComposeSpecification, services: dict[str, Service], repository: Path) -> None:
    """Each named volume is at the foot of the file, and none is there for nothing; folders of this tree exist."""
    used = set()
    for service in services.values():
        for volume in service.volumes or []:
            source = volume.split(":")[0] if isinstance(volume, str) else volume.source
            assert source is not None
            if source.startswith("./"):
                assert (repository / source).is_dir(), source
            else:
                used.add(source)
    assert used == set(compose.volumes or {})


def test_ports_are_open_to_this_machine_alone(services: dict[str, Service]) -> None:
    """Kafka and Valkey ask for no password and the API has no TLS, so none listens to the network."""
    for name in ("kafka", "valkey", "serve", "prometheus", "grafana"):
        for port in services[name].ports or []:
            address = port if isinstance(port, str) else str(getattr(port, "host_ip", None))
            assert address.startswith("127.0.0.1"), name


def instructions(repository: Path) -> list[list[str]]:
    """The Dockerfile's instructions as words."""
    lines = (repository / "Dockerfile").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith(("#", " "))]


def test_dockerfile_copies_what_exists(repository: Path) -> None:
    """Each source of a COPY is in the tree and let through by .dockerignore."""
    let_through = {line[1:] for line in (repository / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for words in instructions(repository):
        if words[0] == "COPY" and not words[1].startswith("--from"):
            for source in words[1:-1]:
                assert (repository / source).exists(), source
                assert source in let_through, source


def test_dockerfile_runs_as_nobody_special(repository: Path) -> None:
    """The program is the entry point, and its user is not root."""
    found = instructions(repository)
    assert ["USER", "app"] in found
    assert found.index(["USER", "app"]) < found.index(["ENTRYPOINT", '["stream-app"]'])
    scripts = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["scripts"]
    assert "stream-app" in scripts


def test_dockerfile_and_makefile_use_one_uv(repository: Path) -> None:
    """What resolves and what installs is the same program."""
    in_makefile = re.search(r"UV_VERSION := (\S+)", (repository / "Makefile").read_text())
    in_image = re.search(r"uv==(\S+)", (repository / "Dockerfile").read_text())
    assert in_makefile is not None
    assert in_image is not None
    assert in_makefile.group(1) == in_image.group(1)
