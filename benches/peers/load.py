"""The load: what clients ask, and how it went."""

import dataclasses
import re
import subprocess

MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


class RequestsFailed(Exception):
    """Some requests were not answered as they must be, so that the figures mean nothing."""


@dataclasses.dataclass(frozen=True)
class Load:
    """Connections that ask again as soon as they have their answer."""

    path: str = "/100B"
    connections: int = 64
    # A connection for each request.
    close: bool = False


@dataclasses.dataclass(frozen=True)
class Answered:
    requests: int
    rate: float
    p99_ms: float


def wrk(load: Load, port: int, seconds: int) -> Answered:
    """Asks for a while."""
    command = ["wrk", "--latency", "-t1", f"-c{load.connections}", f"-d{seconds}s"]
    if load.close:
        command += ["-H", "Connection: close"]
    command.append(f"http://127.0.0.1:{port}{load.path}")
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    requests = int(re.search(r"(\d+) requests in", out)[1])
    if "Non-2xx" in out or "Socket errors" in out or requests == 0:
        raise RequestsFailed(out)
    value, unit = re.search(r"99%\s+([\d.]+)(\w+)", out).groups()
    return Answered(requests, requests / seconds, float(value) * MILLISECONDS[unit])
