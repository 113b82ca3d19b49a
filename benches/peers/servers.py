"""The servers of a comparison: nginx backends, and the proxies in front of them with the same job."""

import contextlib
import dataclasses
import http.client
import os
import pathlib
import socket
import subprocess
import time
from collections.abc import Iterator

# Bytes that the backends can be asked for, by path.
BODIES = {"/100B": 100, "/10kB": 10_000, "/100kB": 100_000, "/1MB": 1_000_000}

NGINX_BACKEND = """
daemon off; worker_processes 1; pid {home}/pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; sendfile on; tcp_nopush on; {scratch}
    open_file_cache max=16;
    server {{
        {listen}
        root {www};
    }}
}}
"""

NGINX = """
daemon off; worker_processes {workers}; pid {home}/pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; {scratch}
    upstream web {{
        least_conn;
        {servers}
        keepalive {keepalive}; keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 0;
        location / {{
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Request-Id $request_id;
            proxy_set_header Via "1.1 nginx";
        }}
    }}
}}
"""

HAPROXY = """
global
    nbthread {workers}
    maxconn 4096
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend in
    bind 127.0.0.1:{port}
    default_backend web
backend web
    balance leastconn
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Request-Id %[uuid]
    http-request set-header Via "1.1 haproxy"
    option httpchk GET /100B
    default-server check inter 2s
{servers}
"""

EVENKEEL = """
listen: 127.0.0.1:{port}
workers: {workers}
pools:
  - name: web
    strategy: least_connections
    health_check: {{path: /100B, interval: 2s}}
    backends:
{servers}
"""


class DidNotStart(Exception):
    """A server ended, or did not answer in time."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What every proxy of a cell is told to do."""

    port: int
    workers: int
    # Addresses, as host:port.
    backends: tuple[str, ...]
    # Connections to backends that are kept while nobody uses them, where a proxy must be told.
    keepalive: int


def free_port() -> int:
    with socket.socket() as scout:
        scout.bind(("127.0.0.1", 0))
        return scout.getsockname()[1]


def nginx(home: pathlib.Path, job: Job) -> list[str]:
    servers = " ".join(f"server {address};" for address in job.backends)
    return nginx_command(home, NGINX, port=job.port, workers=job.workers, keepalive=job.keepalive, servers=servers)


def haproxy(home: pathlib.Path, job: Job) -> list[str]:
    servers = "\n".join(f"    server b{n} {address}" for n, address in enumerate(job.backends))
    config = home / "haproxy.cfg"
    config.write_text(HAPROXY.format(port=job.port, workers=job.workers, servers=servers))
    return ["haproxy", "-db", "-f", str(config)]


def evenkeel(binary: str, home: pathlib.Path, job: Job) -> list[str]:
    servers = "\n".join(f'      - "http://{address}"' for address in job.backends)
    config = home / "evenkeel.yaml"
    config.write_text(EVENKEEL.format(port=job.port, workers=job.workers, servers=servers))
    return [binary, "serve", "-c", str(config)]


def nginx_command(home: pathlib.Path, template: str, **values: object) -> list[str]:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in kinds)
    config = home / "nginx.conf"
    config.write_text(template.format(home=home, scratch=scratch, **values))
    return ["nginx", "-e", "stderr", "-p", str(home), "-c", str(config)]


@contextlib.contextmanager
def running(command: list[str], home: pathlib.Path, port: int) -> Iterator[int]:
    """Runs a server until the block ends, and gives its process id; it answers when the block begins."""
    log = home / "stderr"
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    try:
        wait_until_it_answers(process, port, log)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=60)


def wait_until_it_answers(process: subprocess.Popen, port: int, log: pathlib.Path) -> None:
    deadline = time.monotonic() + 15
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DidNotStart(f"{process.args[0]} does not answer:\n{log.read_text()}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/100B")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def backends(top: pathlib.Path) -> Iterator[tuple[str, ...]]:
    """Runs three backends, and gives their addresses."""
    www = top / "www"
    www.mkdir()
    for path, size in BODIES.items():
        (www / path.removeprefix("/")).write_bytes(b"x" * (size - 1) + b"\n")
    with contextlib.ExitStack() as stack:
        addresses = []
        for n in range(3):
            home = make_home(top / f"backend-{n}")
            port = free_port()
            listen = f"listen 127.0.0.1:{port};"
            command = nginx_command(home, NGINX_BACKEND, www=www, listen=listen)
            stack.enter_context(running(command, home, port))
            addresses.append(f"127.0.0.1:{port}")
        yield tuple(addresses)


def make_home(path: pathlib.Path) -> pathlib.Path:
    """A directory for a server; nginx's workers drop their privileges and must still reach what is in it."""
    path.mkdir()
    os.chmod(path, 0o755)
    return path
