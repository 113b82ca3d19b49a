#!/usr/bin/env python3
"""Processor time per proxied request: evenkeel beside nginx, in turns, in one run, on this machine.

    cargo build --release
    benches/peers/cpu_per_request.py target/release/evenkeel

Three nginx backends (one worker each) serve a file of 100 bytes. In front of them stand, in turns, nginx and evenkeel with
one worker each, the same forwarding headers and no access log; wrk asks over kept-alive connections. What counts is the
user and system time of the proxy's processes, divided by the requests that wrk has seen answered. Needs nginx and wrk.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BACKEND = """
daemon off; worker_processes 1; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000000; {temp}
    server {{ listen 127.0.0.1:{port}; root {www}; open_file_cache max=10; }}
}}
"""

NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000000; {temp}
    upstream web {{ {servers} keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://web;
            proxy_http_version 1.1;
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

EVENKEEL = """
listen: 127.0.0.1:{port}
workers: 1
pools:
  - name: web
    backends: [{backends}]
    health_check: {{path: /100}}
"""


def free_port():
    with socket.socket() as scout:
        scout.bind(("127.0.0.1", 0))
        return scout.getsockname()[1]


@contextlib.contextmanager
def running(command, port):
    """Runs a server until the block ends; its port answers when the block begins."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"did not start: {' '.join(map(str, command))}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=40)


def nginx(directory, text, **values):
    """An nginx command with a config of its own, in a directory of its own."""
    directory.mkdir()
    kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    temp = " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    config = directory / "nginx.conf"
    config.write_text(text.format(dir=directory, temp=temp, **values))
    return ["nginx", "-e", "stderr", "-p", directory, "-c", config]


def processes(pid):
    """A process and all its descendants."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += processes(int(child))
    return found


def cpu_seconds(pid):
    """User and system time of a process and its descendants."""
    ticks = 0
    for each in processes(pid):
        fields = pathlib.Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wrk(port, seconds, connections):
    """How many requests were answered; any failure ends the comparison."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{port}/100"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"requests failed:\n{out}")
    return int(re.search(r"(\d+) requests in", out)[1])


def measure(command, port, args):
    """Microseconds of processor time per request, and requests per second."""
    with running(command, port) as pid:
        wrk(port, 1, args.connections)
        before = cpu_seconds(pid)
        requests = wrk(port, args.seconds, args.connections)
        return (cpu_seconds(pid) - before) / requests * 1e6, requests / args.seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evenkeel", help="a release build of evenkeel")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    args = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk", args.evenkeel) if not shutil.which(tool)]
    if missing:
        sys.exit(f"missing: {', '.join(missing)}")

    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as backends:
        top = pathlib.Path(name)
        # nginx's workers drop their privileges and must still reach the file.
        top.chmod(0o755)
        www = top / "www"
        www.mkdir()
        (www / "100").write_text("x" * 99 + "\n")
        ports = [free_port() for _ in range(3)]
        for port in ports:
            command = nginx(top / f"backend-{port}", BACKEND, port=port, www=www)
            backends.enter_context(running(command, port))

        proxy = {peer: free_port() for peer in ("nginx", "evenkeel")}
        servers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
        urls = ", ".join(f'"http://127.0.0.1:{port}"' for port in ports)
        config = top / "evenkeel.yaml"
        config.write_text(EVENKEEL.format(port=proxy["evenkeel"], backends=urls))
        commands = {
            "nginx": nginx(top / "proxy", NGINX, port=proxy["nginx"], servers=servers),
            "evenkeel": [args.evenkeel, "serve", "-c", config],
        }

        cost = {peer: [] for peer in proxy}
        for turn in range(args.rounds):
            for peer, port in proxy.items():
                microseconds, rate = measure(commands[peer], port, args)
                cost[peer].append(microseconds)
                print(f"round {turn + 1}  {peer:8}  {microseconds:6.2f} us per request  {rate:9.0f} requests/s", flush=True)

    median = {peer: statistics.median(values) for peer, values in cost.items()}
    for peer, microseconds in median.items():
        print(f"median   {peer:8}  {microseconds:6.2f} us per request")
    print(f"evenkeel / nginx: {median['evenkeel'] / median['nginx']:.3f}")


if __name__ == "__main__":
    main()
