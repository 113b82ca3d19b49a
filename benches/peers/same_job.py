"""Whether the proxies do the same: a backend must get the same fields from each."""

import contextlib
import http.client
import http.server
import json
import pathlib
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
    """Refuses proxies that do not all forward the same."""
    with echo() as backend:
        forwarded = {entrant.name: forwarded_by(entrant, evenkeel, top, backend) for entrant in entrants}
    if any(fields != forwarded["evenkeel"] for fields in forwarded.values()):
        listing = "\n".join(f"{name}: {fields}" for name, fields in forwarded.items())
        raise JobsDiffer(f"the proxies do not forward the same:\n{listing}")


def forwarded_by(entrant: Entrant, evenkeel: str, top: pathlib.Path, backend: str) -> list[tuple[str, str]]:
    job = Job(servers.free_port(), workers=1, backends=(backend,), keepalive=1)
    with servers.proxy(entrant, evenkeel, top, job):
        connection = http.client.HTTPConnection("127.0.0.1", job.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/100B", headers={"Host": "www.example.com", "X-Forwarded-For": "1.2.3.4"})
            fields = json.load(connection.getresponse())
    return sorted((name, "" if name in OWN_WORDS else value) for name, value in fields)
