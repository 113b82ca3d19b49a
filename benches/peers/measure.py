"""What a process and all its descendants have used, from /proc."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Iterator

TICK_MICROSECONDS = 1e6 / os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Usage:
    """Processor time in microseconds; resident memory in KiB, where pages that processes share count for each of them."""

    user: float
    system: float
    resident: int
    peak_resident: int


def usage(pid: int) -> Usage:
    """The sum over a process and its descendants."""
    user = system = resident = peak = 0
    for each in family(pid):
        process = pathlib.Path(f"/proc/{each}")
        # The name in parentheses may hold anything; user and system time are the fields 14 and 15 of proc_pid_stat(5).
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
        status = (process / "status").read_text()
        resident += kib(status, "VmRSS")
        peak += kib(status, "VmHWM")
    return Usage(user * TICK_MICROSECONDS, system * TICK_MICROSECONDS, resident, peak)


def family(pid: int) -> Iterator[int]:
    yield pid
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def kib(status: str, field: str) -> int:
    return int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[1])
