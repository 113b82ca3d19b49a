"""Clients that ask again as soon as they have their answer: wrk."""

import dataclasses
import pathlib
import re
import subprocess

from measure import usage
from outcome import Sample

WARM_UP_SECONDS = 1
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}
POST_SCRIPT = pathlib.Path(__file__).with_name("post.lua")


class RequestsFailed(Exception):
    """Some requests were not answered as they must be, so that the figures mean nothing."""


@dataclasses.dataclass(frozen=True)
class Requests:
    path: str = "/100B"
    connections: int = 64
    # A connection for each request.
    close: bool = False
    # Bytes that each request sends; the backend reads them all before it answers.
    post: int = 0

    def measure(self, pid: int, port: int, seconds: int) -> Sample:
        """Loads the proxy with this process id, and tells what a request costs it."""
        self.wrk(port, WARM_UP_SECONDS)
        before = usage(pid)
        answered = self.wrk(port, seconds)
        after = usage(pid)
        user = (after.user - before.user) / answered.requests
        system = (after.system - before.system) / answered.requests
        return {
            "user": user,
            "system": system,
            "cpu": user + system,
            "rate": answered.requests / seconds,
            "p99": answered.p99_ms,
            "peak": after.peak_resident,
        }

    def wrk(self, port: int, seconds: int) -> "Answered":
        command = ["wrk", "--latency", "-t1", f"-c{self.connections}", f"-d{seconds}s"]
        if self.close:
            command += ["-H", "Connection: close"]
        if self.post:
            command += ["-s", str(POST_SCRIPT)]
        command += [f"http://127.0.0.1:{port}{self.path}", "--", str(self.post)]
        done = subprocess.run(command, capture_output=True, text=True)
        return read(done.stdout + done.stderr)


@dataclasses.dataclass(frozen=True)
class Answered:
    requests: int
    p99_ms: float


def read(out: str) -> Answered:
    """What wrk printed."""
    requests = re.search(r"(\d+) requests in", out)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", out)
    failed = "Non-2xx" in out or "Socket errors" in out
    if failed or not (requests and p99 and int(requests[1])):
        raise RequestsFailed(out)
    return Answered(int(requests[1]), float(p99[1]) * MILLISECONDS[p99[2]])
