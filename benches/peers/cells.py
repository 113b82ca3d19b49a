"""The cells of the comparison: who does what, and how cheap it must be."""

import dataclasses

from load import Load


@dataclasses.dataclass(frozen=True)
class Target:
    """A bound on evenkeel's median of a figure, in relation to the best of the others."""

    figure: str
    ratio: float


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str
    what: str
    load: Load
    workers: int = 1
    targets: tuple[Target, ...] = ()
    peers: tuple[str, ...] = ("nginx", "haproxy", "evenkeel")


def cpu(ratio: float) -> Target:
    return Target("cpu", ratio)


def user(ratio: float) -> Target:
    return Target("user", ratio)


CELLS = (
    Cell("100B", "100 B", Load(), targets=(cpu(0.97), user(0.85))),
    Cell("10kB", "10 kB", Load("/10kB"), targets=(cpu(0.90),)),
    Cell("100kB", "100 kB", Load("/100kB"), targets=(cpu(0.70),)),
    Cell("1MB", "1 MB", Load("/1MB"), targets=(cpu(0.55),)),
    Cell("workers", "100 B, 2 workers", Load(), workers=2, targets=(cpu(0.97), user(0.85))),
    Cell("connections", "100 B, 512 connections", Load(connections=512), targets=(cpu(0.97), user(0.85))),
    Cell("close", "100 B, a connection for each request", Load(close=True), targets=(cpu(1.00),)),
)
