"""Servers that run for the length of a block: nginx backends, and the proxies in front of them."""

import contextlib
import http.client
import itertools
import os
import pathlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator

import configs
from configs import Entrant, Job
from terminal import owning_its_terminal, terminal

# What the backends serve, by path.
BODIES = {"100B": 100, "10kB": 10_000, "100kB": 100_000, "1MB": 1_000_000, "upload": 100}
# Each backend listens on as many addresses as 1,000 backends need of it.
BACKENDS = 3
ADDRESSES_EACH = 334

START_SECONDS = 15
STOP_SECONDS = 60


class DidNotStart(Exception):
    """A server ended, or did not answer in time."""


def free_port() -> int:
    with socket.socket() as scout:
        scout.bind(("127.0.0.1", 0))
        return scout.getsockname()[1]


def make_home(top: pathlib.Path) -> pathlib.Path:
    """A directory for a server; nginx's workers drop their privileges and must still reach what is in it."""
    home = pathlib.Path(tempfile.mkdtemp(dir=top))
    home.chmod(0o755)
    return home


@contextlib.contextmanager
def backends(top: pathlib.Path) -> Iterator[tuple[str, ...]]:
    """Runs the backends, and gives their addresses: the first three are three backends, the first 1,000 stand for 1,000."""
    www = make_home(top)
    for name, size in BODIES.items():
        (www / name).write_bytes(b"x" * size)
    hosts = [f"127.0.{n // 250}.{n % 250 + 1}" for n in range(ADDRESSES_EACH)]
    ports = [free_port() for _ in range(BACKENDS)]
    with contextlib.ExitStack() as stack:
        for port in ports:
            home = make_home(top)
            command = configs.nginx_backend(home, www, [f"{host}:{port}" for host in hosts])
            stack.enter_context(running(command, home, port))
        yield tuple(f"{host}:{port}" for host, port in itertools.product(hosts, ports))


@contextlib.contextmanager
def proxy(entrant: Entrant, evenkeel: str, top: pathlib.Path, job: Job) -> Iterator[int]:
    """Runs a proxy, and gives its process id."""
    home = make_home(top)
    command = configs.command(entrant, evenkeel, home, job)
    if not entrant.dashboard:
        stdout = job.access_log if entrant.program == "haproxy" else None
        with running(command, home, job.port, stdout=stdout) as pid:
            yield pid
        return
    command = owning_its_terminal(command)
    with terminal() as screen, running(command, home, job.port, screen.inside) as pid:
        if not screen.is_drawn_on.wait(START_SECONDS):
            raise DidNotStart(f"{entrant.name} draws nothing")
        yield pid


@contextlib.contextmanager
def running(
    command: list[str], home: pathlib.Path, port: int, screen: int | None = None, stdout: pathlib.Path | None = None
) -> Iterator[int]:
    """Runs a server, in a terminal if there is one, and gives its process id; it answers when the block begins."""
    log = home / "log"
    with log.open("wb") as file, (stdout or log).open("ab") as own_file:
        stdin, out, err = (subprocess.DEVNULL, own_file, file) if screen is None else (screen, screen, screen)
        env = os.environ | {"TERM": "xterm-256color"}
        process = subprocess.Popen(command, stdin=stdin, stdout=out, stderr=err, env=env)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise DidNotStart(f"{command[0]} does not answer\n{log.read_text()}")
            time.sleep(0.05)
        yield process.pid
    finally:
        stop(process)


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/100B")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
