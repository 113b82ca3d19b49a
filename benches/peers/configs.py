"""The same job, told to nginx, HAProxy and evenkeel."""

import dataclasses
import pathlib

NGINX_BACKEND = """
daemon off; worker_processes 1; pid {home}/pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off; keepalive_requests 1000000000; {scratch}
    open_file_cache max=16;
    client_max_body_size 0; client_body_buffer_size 2m;
    server {{
        {listen}
        root {www};
        # A static file refuses POST; the mirror reads the body first, and the page for the refusal is the answer.
        location = /upload {{ mirror /read; error_page 405 =200 /100B; }}
        location = /read {{ internal; return 204; }}
    }}
}}
"""

NGINX = """
daemon off; worker_processes {workers}; pid {home}/pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log {access_log}; keepalive_requests 1000000000; {scratch}
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
            {buffers}
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
NGINX_ACCESS_LOG = "{file} combined buffer=16k flush=1s"
NGINX_LARGE_BUFFERS = """
            proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 256k;
            proxy_max_temp_file_size 0; client_body_buffer_size 64k;
"""

HAPROXY = """
global
    nbthread {workers}
    maxconn 4096
    {buffers}
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    http-reuse always
    {splice}
frontend in
    bind 127.0.0.1:{port}
    {access_log}
    default_backend web
backend web
    balance leastconn
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Host %[req.hdr(host)]
    http-request set-header X-Request-Id %[uuid]
    http-request set-header Via "1.1 haproxy"
    option httpchk GET /100B
    default-server check inter {check_interval}
{servers}
"""

# The combined format; its standard output goes to the file. It knows the bytes of an answer only with the head.
HAPROXY_ACCESS_LOG = r"""
    log stdout format raw local0
    capture request header Referer len 256
    capture request header User-Agent len 256
    log-format '%ci - - [%trl] "%HM %HU %HV" %ST %B "%[capture.req.hdr(0)]" "%[capture.req.hdr(1)]"'
"""

EVENKEEL = """
listen: 127.0.0.1:{port}
workers: {workers}
access_log: {access_log}
pools:
  - name: web
    strategy: least_connections
    health_check: {{path: /100B, interval: {check_interval}}}
    backends:
{servers}
"""


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A proxy that takes part in a cell, and what is special about it."""

    name: str
    program: str
    backends: int = 3
    check_interval: str = "2s"
    large_buffers: bool = False
    # Evenkeel's, in a pseudo-terminal.
    dashboard: bool = False


@dataclasses.dataclass(frozen=True)
class Job:
    """What every proxy of a cell is told to do."""

    port: int
    workers: int
    # Addresses, as host:port.
    backends: tuple[str, ...]
    # Connections to backends that are kept while nobody uses them, where a proxy must be told.
    keepalive: int
    # Where each request is logged, if it is.
    access_log: pathlib.Path | None = None


def command(entrant: Entrant, evenkeel: str, home: pathlib.Path, job: Job) -> list[str]:
    """Writes an entrant's config into a directory of its own, and tells how to start it."""
    match entrant.program:
        case "nginx":
            return nginx(entrant, home, job)
        case "haproxy":
            return haproxy(entrant, home, job)
        case _:
            return [evenkeel, *evenkeel_arguments(entrant, home, job)]


def nginx(entrant: Entrant, home: pathlib.Path, job: Job) -> list[str]:
    return nginx_command(
        home,
        NGINX,
        port=job.port,
        workers=job.workers,
        keepalive=job.keepalive,
        access_log=NGINX_ACCESS_LOG.format(file=job.access_log) if job.access_log else "off",
        buffers=NGINX_LARGE_BUFFERS if entrant.large_buffers else "",
        servers=" ".join(f"server {address};" for address in job.backends),
    )


def nginx_backend(home: pathlib.Path, www: pathlib.Path, addresses: list[str]) -> list[str]:
    listen = " ".join(f"listen {address};" for address in addresses)
    return nginx_command(home, NGINX_BACKEND, www=www, listen=listen)


def nginx_command(home: pathlib.Path, template: str, **values: object) -> list[str]:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = " ".join(f"{kind}_temp_path {home}/{kind};" for kind in kinds)
    config = home / "nginx.conf"
    config.write_text(template.format(home=home, scratch=scratch, **values))
    return ["nginx", "-e", "stderr", "-p", str(home), "-c", str(config)]


def haproxy(entrant: Entrant, home: pathlib.Path, job: Job) -> list[str]:
    config = home / "haproxy.cfg"
    text = HAPROXY.format(
        port=job.port,
        workers=job.workers,
        buffers="tune.bufsize 65536" if entrant.large_buffers else "",
        splice="option splice-response" if entrant.large_buffers else "",
        access_log=HAPROXY_ACCESS_LOG if job.access_log else "",
        check_interval=entrant.check_interval,
        servers="\n".join(f"    server b{n} {address}" for n, address in enumerate(job.backends)),
    )
    config.write_text(text)
    return ["haproxy", "-db", "-f", str(config)]


def evenkeel_arguments(entrant: Entrant, home: pathlib.Path, job: Job) -> list[str]:
    config = home / "evenkeel.yaml"
    text = EVENKEEL.format(
        port=job.port,
        workers=job.workers,
        access_log=job.access_log or "null",
        check_interval=entrant.check_interval,
        servers="\n".join(f'      - "http://{address}"' for address in job.backends),
    )
    config.write_text(text)
    return ["run" if entrant.dashboard else "serve", "-c", str(config)]
