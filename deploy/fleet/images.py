"""What the images of docker-compose.yml do when they start, done with the programs installed on this machine."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.fleet.compose import ComposeError, Service
from deploy.fleet.loopback import Loopback

PROJECT = Path(__file__).resolve().parent.parent.parent
POSTGRES_FOLDERS = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")


@dataclass(frozen=True)
class Launch:
    """A process to start: its words, its whole environment, where, as which user (None: who runs this), and which
    open files it keeps."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    user: str | None = None
    open_files: tuple[int, ...] = ()


def check_installed(services: Mapping[str, Service]) -> None:
    """Raise ComposeError naming what is missing on this machine."""
    path = _environment({}, Path("/"))["PATH"]
    missing = [
        name for name in (service.command[0] for service in services.values()) if not shutil.which(name, path=path)
    ]
    if missing:
        raise ComposeError(
            f"not installed: {', '.join(missing)}; run: sh deploy/install_services.sh postgresql redis nginx"
        )


def build(environment: Mapping[str, str]) -> None:
    """The part of the Dockerfile that makes files: the static files, unless they are newer than their sources."""
    made = Path(environment["DATA_DIR"]) / "static" / "staticfiles.json"
    sources = [PROJECT / "requirements.txt", *(PROJECT / "static").rglob("*")]
    if made.exists() and made.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return
    command = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
    done = subprocess.run(command, cwd=PROJECT, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
    if done.returncode:
        raise ComposeError(f"collectstatic failed: {done.stderr.strip().splitlines()[-1:]}")


def launch(service: Service, number: int, loopback: Loopback, folder: Path, scratch: Path) -> Launch:
    """How to start replica `number` of `service`, its files under `folder`, its throw-away files in `scratch`."""
    scratch.mkdir(parents=True)
    command = loopback.command(service.command, service, number)
    environment = _environment(loopback.environment(service, number), scratch)
    if service.image == "postgres":
        return _postgres(command, environment, folder / service.name, loopback.ports[service.name][number - 1])
    if service.image == "redis":
        port = str(loopback.ports[service.name][number - 1])
        return Launch([*command, "--bind", "127.0.0.1", "--port", port], environment, scratch)
    if service.image == "nginx":
        return _nginx(command, environment, service, loopback, folder / service.name)
    if service.image:
        raise ComposeError(f"{service.name}: nobody here knows how to run the image {service.image}")
    return Launch(command, environment, PROJECT)


def _environment(own: dict[str, str], scratch: Path) -> dict[str, str]:
    """As in a container: only what the service names, a PATH, and a temporary folder of its own."""
    found = [str(path) for pattern in POSTGRES_FOLDERS for path in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    path = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", *found]
    base = {"PATH": ":".join(path), "HOME": str(scratch), "TMPDIR": str(scratch), "LANG": "C.UTF-8"}
    return {**base, "PYTHONUNBUFFERED": "1", **own}


def _postgres(command: list[str], environment: dict[str, str], folder: Path, port: int) -> Launch:
    """PostgreSQL refuses to run as root. As another user it may have no way to its folder through folders of root's, so
    it is handed its folder open."""
    user = "postgres" if os.geteuid() == 0 else None
    made = folder.with_suffix(".made")
    if not made.exists():
        shutil.rmtree(folder, ignore_errors=True)  # what an interrupted start left
        folder.mkdir(exist_ok=True)  # it is still there when it is a volume of its own
    folder.chmod(0o700)
    if user:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    opened = os.open(folder, os.O_RDONLY)
    data = f"/proc/self/fd/{opened}" if user else str(folder)
    words = [*command, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", ""]
    start = Launch(words, environment, Path("/"), user, open_files=(opened,))
    if not made.exists():
        _create_database(start, data)
        (folder / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        made.touch()
    return start


def _create_database(start: Launch, data: str) -> None:
    """What the image's entry point does in an empty folder: a cluster, its user with a password, and the database."""
    own = start.environment
    _run(["initdb", "-D", data, "-U", own["POSTGRES_USER"], "-A", "trust", "-E", "UTF8", "--no-locale"], start)
    password = own["POSTGRES_PASSWORD"].replace("'", "''")
    words = f"""ALTER USER "{own["POSTGRES_USER"]}" PASSWORD '{password}'\nCREATE DATABASE "{own["POSTGRES_DB"]}"\n"""
    _run(["postgres", "--single", "-D", data, "postgres"], start, words)


def _run(command: list[str], start: Launch, text: str = "") -> None:
    program = shutil.which(command[0], path=start.environment["PATH"]) or command[0]
    done = subprocess.run(  # noqa: S603 (our own words)
        [program, *command[1:]],
        cwd=start.folder,
        env=start.environment,
        user=start.user,
        group=start.user,
        extra_groups=[] if start.user else None,
        pass_fds=start.open_files,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ComposeError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")


def _nginx(
    command: list[str], environment: dict[str, str], service: Service, loopback: Loopback, folder: Path
) -> Launch:
    """The image fills in its template; here the addresses change, and a name with many addresses becomes a group."""
    (folder / "cache").mkdir(parents=True, exist_ok=True)
    text = (PROJECT / "deploy" / "nginx.conf").read_text()
    for name, value in service.environment.items():
        text = text.replace("${" + name + "}", value)
    groups = ""
    for other in loopback.services.values():
        if other.port and re.search(rf"\b{other.name}:{other.port}\b", text):
            text = text.replace(f"{other.name}:{other.port}", other.name)
            # As with Docker's name server, nobody is left out for having failed a moment ago
            members = "".join(f"server 127.0.0.1:{port} max_fails=0; " for port in loopback.ports[other.name])
            groups += f"    upstream {other.name} {{ {members}}}\n"
    for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        groups += f"    {kind}_temp_path {folder}/{kind};\n"
    text = loopback.translate(text, service, 1).replace("http {\n", "http {\n" + groups, 1)
    first = f"pid {folder}/nginx.pid;\n" + ("user root;\n" if os.geteuid() == 0 else "")
    (folder / "nginx.conf").write_text(first + text)
    return Launch([*command, "-c", str(folder / "nginx.conf"), "-e", "stderr"], environment, folder)
