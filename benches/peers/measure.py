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
        fields = stat(each)
        user += int(fields[11])
        system += int(fields[12])
        status = pathlib.Path(f"/proc/{each}/status").read_text()
        resident += kib(status, "VmRSS")
        peak += kib(status, "VmHWM")
    return Usage(user * TICK_MICROSECONDS, system * TICK_MICROSECONDS, resident, peak)


@dataclasses.dataclass(frozen=True)
class Share:
    """Processor time of the whole machine and of this process's family so far, in ticks."""

    all: int
    busy: int
    ours: int

    @classmethod
    def now(cls) -> "Share":
        times = [int(value) for value in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        idle = times[3] + times[4]
        # The time of children that have ended is their parent's, in the fields 16 and 17.
        ours = sum(sum(map(int, stat(each)[11:15])) for each in family(os.getpid()))
        return cls(sum(times), sum(times) - idle, ours)

    def of_others_since(self, before: "Share") -> float:
        """Which part of the machine others have used, or a hypervisor has given to others."""
        others = (self.busy - before.busy) - (self.ours - before.ours)
        return max(0.0, others / (self.all - before.all))


def stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on; the name before them may hold anything."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid: int) -> Iterator[int]:
    yield pid
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def kib(status: str, field: str) -> int:
    return int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[1])
