"""The cells of the comparison: who does what, and how cheap it must be."""

import dataclasses

from configs import Entrant
from idle import Idle
from load import Requests
from outcome import AtMost, NoWorse, Target

PEERS = (Entrant("nginx", "nginx"), Entrant("haproxy", "haproxy"), Entrant("evenkeel", "evenkeel"))
# Evenkeel's buffers grow with the answer; these peers have to be told.
ROOMY = tuple(dataclasses.replace(peer, large_buffers=True) for peer in PEERS)


@dataclasses.dataclass(frozen=True)
class Cell:
    """The targets bound the last entrant, in relation to the best of those before it."""

    name: str
    what: str
    load: Requests | Idle
    targets: tuple[Target, ...] = ()
    workers: int = 1
    access_log: bool = False
    entrants: tuple[Entrant, ...] = PEERS


def cpu(ratio: float) -> tuple[Target, ...]:
    return (AtMost("cpu", ratio), NoWorse("rate"), NoWorse("p99"))


SMALL = (*cpu(0.97), AtMost("user", 0.85))

CELLS = (
    Cell("100B", "100 B", Requests(), SMALL),
    Cell("workers", "100 B, 2 workers", Requests(), SMALL, workers=2),
    Cell("connections", "100 B, 512 connections", Requests(connections=512), SMALL),
    Cell("close", "100 B, a connection for each request", Requests(close=True), cpu(1.00)),
    Cell("log", "100 B, each request logged", Requests(), cpu(1.00), access_log=True),
    Cell("10kB", "10 kB", Requests("/10kB"), cpu(0.90)),
    Cell("100kB", "100 kB", Requests("/100kB"), cpu(0.70)),
    Cell("1MB", "1 MB", Requests("/1MB"), cpu(0.55)),
    Cell("10kB-roomy", "10 kB, the others with 64 KiB buffers", Requests("/10kB"), entrants=ROOMY),
    Cell("100kB-roomy", "100 kB, the others with 64 KiB buffers", Requests("/100kB"), entrants=ROOMY),
    Cell("1MB-roomy", "1 MB, the others with 64 KiB buffers", Requests("/1MB"), entrants=ROOMY),
    Cell("post-10kB", "POST of 10 kB", Requests("/upload", post=10_000), cpu(0.97)),
    Cell("post-1MB", "POST of 1 MB", Requests("/upload", post=1_000_000), cpu(0.97)),
    Cell("idle", "an idle connection, 3,000 held for 12 s", Idle(), (AtMost("each", 1.2, absolute=True),)),
    Cell(
        "backends",
        "1,000 backends to 3, checked once an hour",
        Requests(),
        (AtMost("cpu", 1.03),),
        entrants=(
            Entrant("3", "evenkeel", check_interval="1h"),
            Entrant("1000", "evenkeel", check_interval="1h", backends=1000),
        ),
    ),
    Cell(
        "backends-checked",
        "1,000 backends to 3, each checked every 2 s",
        Requests(),
        entrants=(Entrant("3", "evenkeel"), Entrant("1000", "evenkeel", backends=1000)),
    ),
    Cell(
        "backends-peers",
        "100 B, 1,000 backends",
        Requests(),
        entrants=tuple(dataclasses.replace(peer, backends=1000) for peer in PEERS),
    ),
    Cell(
        "dashboard",
        "the dashboard in a terminal of 120x36 to `serve`",
        Requests(),
        (AtMost("cpu", 1.02),),
        entrants=(Entrant("serve", "evenkeel"), Entrant("dashboard", "evenkeel", dashboard=True)),
    ),
)
