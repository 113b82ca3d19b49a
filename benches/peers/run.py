#!/usr/bin/env python3
"""evenkeel beside nginx and HAProxy: the same job, in turns, on this machine.

    cargo build --release
    benches/peers/run.py                     # every cell, which takes 40 minutes
    benches/peers/run.py --quick --cell 100B

Three nginx backends serve files. In front of them stand, in turns, nginx, HAProxy and evenkeel, with least connections, the
same forwarded fields, the same number of workers and no access log (but in one cell); HAProxy and evenkeel check the backends every 2 s (nginx
has no checks to offer). What counts is the user and system time of the proxy's processes, divided by the requests that were
answered: clients, proxy and backends share the machine, so rates are only a hint. Needs Linux, nginx, haproxy and wrk, and
installs nothing.
"""

import argparse
import datetime
import pathlib
import signal
import sys
import tempfile

import machine
import readme
import report
import same_job
import servers
from cells import CELLS, PEERS, Cell
from configs import Job
from load import RequestsFailed
from measure import Share
from outcome import Outcome, Sample


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evenkeel", default="target/release/evenkeel", help="a release build (default: %(default)s)")
    parser.add_argument(
        "--cell", action="append", choices=[cell.name for cell in CELLS], metavar="NAME", help="only this one; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="list the cells and leave")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each proxy in a cell (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one round of two seconds: a look, not a measurement")
    parser.add_argument("--write-readme", action="store_true", help="put the results of all cells into README.md")
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 2
    if args.write_readme and args.cell:
        parser.error("--write-readme needs every cell")
    return args


def compare(cell: Cell, addresses: tuple[str, ...], top: pathlib.Path, args: argparse.Namespace) -> Outcome:
    """Runs the entrants of a cell in turns."""
    samples: dict[str, list[Sample]] = {entrant.name: [] for entrant in cell.entrants}
    print(f"\n{cell.name}: {cell.what}")
    before = Share.now()
    for _ in range(args.rounds):
        for entrant in cell.entrants:
            backends = addresses[: entrant.backends]
            keepalive = max(cell.load.connections, entrant.backends)
            log = top / "access.log"
            log.unlink(missing_ok=True)
            job = Job(servers.free_port(), cell.workers, backends, keepalive, log if cell.access_log else None)
            with servers.proxy(entrant, args.evenkeel, top, job) as pid:
                sample = cell.load.measure(pid, job.port, args.seconds)
            if not any(samples.values()):
                print(report.heading(list(sample)))
            samples[entrant.name].append(sample)
            print(report.row(entrant.name, sample), flush=True)
    outcome = Outcome(samples, Share.now().of_others_since(before))
    print(report.summary(cell, outcome), flush=True)
    return outcome


def compare_all(cells: list[Cell], top: pathlib.Path, args: argparse.Namespace) -> readme.Results:
    """The outcomes of the cells in which no request failed."""
    results = []
    with servers.backends(top) as addresses:
        for cell in cells:
            try:
                results.append((cell, compare(cell, addresses, top, args)))
            except (RequestsFailed, servers.DidNotStart) as failure:
                print(f"{cell.name} failed: {failure}", file=sys.stderr, flush=True)
    return results


def conditions(args: argparse.Namespace) -> str:
    rounds = "one round" if args.rounds == 1 else f"medians of {args.rounds} rounds"
    today = datetime.date.today().isoformat()
    return f"{today}, {rounds} of {args.seconds} s; {machine.versions(args.evenkeel)}; {machine.description()}"


def main() -> None:
    args = arguments()
    if args.list:
        print("\n".join(f"{cell.name:18}{cell.what}" for cell in CELLS))
        return
    if missing := machine.missing_tools(args.evenkeel):
        sys.exit(f"missing: {', '.join(missing)}")
    machine.allow_many_files()
    # Servers are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    cells = [cell for cell in CELLS if not args.cell or cell.name in args.cell]
    print(conditions(args), flush=True)
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        # nginx's workers drop their privileges and must still reach what is below.
        top.chmod(0o755)
        try:
            same_job.check(PEERS, args.evenkeel, top)
        except (same_job.JobsDiffer, servers.DidNotStart) as failure:
            sys.exit(str(failure))
        results = compare_all(cells, top, args)
    if len(results) < len(cells):
        sys.exit(1)
    if args.write_readme:
        busiest = max(outcome.others for _, outcome in results)
        readme.write(results, f"{conditions(args)}, of which others used up to {busiest:.0%}.")


if __name__ == "__main__":
    main()
