#!/usr/bin/env python3
"""evenkeel beside nginx and HAProxy: the same job, in turns, on this machine.

    cargo build --release
    benches/peers/run.py                    # every cell; or --cell NAME, --quick, --list

Three nginx backends serve files. In front of them stand, in turns, nginx, HAProxy and evenkeel; wrk asks over kept-alive
connections. What counts is the user and system time of the proxy's processes, divided by the requests that were answered:
client, proxy and backends share the machine, so rates are only a hint. Needs nginx, haproxy and wrk, and installs nothing.
"""

import argparse
import functools
import pathlib
import resource
import shutil
import sys
import tempfile

import report
import servers
from cells import CELLS, Cell
from load import RequestsFailed, wrk
from measure import usage

WARM_UP_SECONDS = 1


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evenkeel", default="target/release/evenkeel", help="a release build (default: %(default)s)")
    parser.add_argument("--cell", action="append", choices=[cell.name for cell in CELLS], help="only this one; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the cells and leave")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds: a look, not a measurement")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each proxy in a cell (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn (default: %(default)s)")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 2
    return args


def missing_tools(binary: str) -> list[str]:
    return [tool for tool in ("nginx", "haproxy", "wrk", binary) if not shutil.which(tool)]


def turn(cell: Cell, command, top: pathlib.Path, addresses: tuple[str, ...], seconds: int) -> report.Sample:
    """Starts a proxy, loads it, and tells what it used."""
    job = servers.Job(servers.free_port(), cell.workers, addresses, keepalive=cell.load.connections)
    home = servers.make_home(pathlib.Path(tempfile.mkdtemp(dir=top)) / "proxy")
    home.parent.chmod(0o755)
    with servers.running(command(home, job), home, job.port) as pid:
        wrk(cell.load, job.port, WARM_UP_SECONDS)
        before = usage(pid)
        answered = wrk(cell.load, job.port, seconds)
        after = usage(pid)
    user = (after.user - before.user) / answered.requests
    system = (after.system - before.system) / answered.requests
    return {
        "user": user,
        "system": system,
        "cpu": user + system,
        "rate": answered.rate,
        "p99": answered.p99_ms,
        "peak": after.peak_resident,
    }


def compare(cell: Cell, commands, top: pathlib.Path, addresses: tuple[str, ...], args: argparse.Namespace) -> report.Results:
    """All rounds of a cell."""
    print(f"\n== {cell.name}: {cell.what}\n{report.heading()}", flush=True)
    results: report.Results = {peer: [] for peer in cell.peers}
    for _ in range(args.rounds):
        for peer in cell.peers:
            sample = turn(cell, commands[peer], top, addresses, args.seconds)
            results[peer].append(sample)
            print(report.row(peer, sample), flush=True)
    return results


def main() -> None:
    args = arguments()
    if args.list:
        for cell in CELLS:
            print(f"{cell.name:14}{cell.what}")
        return
    if missing := missing_tools(args.evenkeel):
        sys.exit(f"missing: {', '.join(missing)}")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    commands = {
        "nginx": servers.nginx,
        "haproxy": servers.haproxy,
        "evenkeel": functools.partial(servers.evenkeel, args.evenkeel),
    }
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        top.chmod(0o755)
        with servers.backends(top) as addresses:
            for cell in CELLS:
                if args.cell and cell.name not in args.cell:
                    continue
                try:
                    results = compare(cell, commands, top, addresses, args)
                except (RequestsFailed, servers.DidNotStart) as failure:
                    sys.exit(f"{cell.name}: {failure}")
                print(f"-- median\n{report.summary(cell, results)}", flush=True)


if __name__ == "__main__":
    main()
