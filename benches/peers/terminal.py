"""A pseudo-terminal that somebody looks at: whatever is drawn is read and forgotten."""

import contextlib
import dataclasses
import fcntl
import os
import pty
import struct
import termios
import threading
from collections.abc import Iterator

ROWS, COLUMNS = 36, 120
# What a program that draws on the whole screen sends first.
ALTERNATE_SCREEN = b"\x1b[?1049h"


@dataclasses.dataclass(frozen=True)
class Terminal:
    # The end that a program runs in.
    inside: int
    # Set once a program draws.
    is_drawn_on: threading.Event


def owning_its_terminal(command: list[str]) -> list[str]:
    """Makes the terminal on a program's stdin its own, as a shell would; the process stays the same."""
    return ["setsid", "--ctty", *command]


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    outside, inside = pty.openpty()
    fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    is_drawn_on = threading.Event()
    viewer = threading.Thread(target=view, args=(outside, is_drawn_on))
    viewer.start()
    try:
        yield Terminal(inside, is_drawn_on)
    finally:
        # The viewer ends when nobody holds the other end any more.
        os.close(inside)
        viewer.join()
        os.close(outside)


def view(outside: int, is_drawn_on: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while drawn := os.read(outside, 65536):
            if ALTERNATE_SCREEN in drawn:
                is_drawn_on.set()
