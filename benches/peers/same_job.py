"""Whether the proxies do the same: a backend must get the same fields from each, and their logs must tell the same."""

import contextlib
import http.client
import http.server
import json
import pathlib
import re
import threading
from collections.abc import Iterator

import servers
from configs import Entrant, Job

# What each proxy says in its own words.
OWN_WORDS = {"x-request-id", "via"}


class JobsDiffer(Exception):
    """The comparison would not be one."""


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with the fields it was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fields = [(name.lower(), value) for name, value in self.headers.items()]
        body = json.dumps(fields).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def echo() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def check(entrants: tuple[Entrant, ...], evenkeel: str, top: pathlib.Path) -> None:
    """Refuses proxies that do not all forward and log the same."""
    with echo() as backend:
        done = {entrant.name: done_by(entrant, evenkeel, top, backend) for entrant in entrants}
    if any(deed != done["evenkeel"] for deed in done.values()):
        listing = "\n".join(f"{name}: {deed}" for name, deed in done.items())
        raise JobsDiffer(f"the proxies do not do the same:\n{listing}")


def done_by(entrant: Entrant, evenkeel: str, top: pathlib.Path, backend: str) -> tuple[list[tuple[str, str]], str]:
    """What a proxy forwards of a request, and logs of it."""
    log = top / f"{entrant.name}.log"
    job = Job(servers.free_port(), workers=1, backends=(backend,), keepalive=1, access_log=log)
    with servers.proxy(entrant, evenkeel, top, job):
        connection = http.client.HTTPConnection("127.0.0.1", job.port, timeout=5)
        with contextlib.closing(connection):
            headers = {"Host": "www.example.com", "X-Forwarded-For": "1.2.3.4", "Referer": "http://r/", "User-Agent": "test"}
            connection.request("GET", "/100B", headers=headers)
            fields = json.load(connection.getresponse())
    forwarded = sorted((name, "" if name in OWN_WORDS else value) for name, value in fields)
    return forwarded, comparable(log.read_text().splitlines()[-1])


def comparable(line: str) -> str:
    """A line of a log without its time, and without the bytes of the answer, which HAProxy counts with its head."""
    return re.sub(r'" 200 \d+ "', '" 200 BYTES "', re.sub(r"\[[^]]+\]", "[TIME]", line))
