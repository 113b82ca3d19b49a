"""A pseudo-terminal that somebody looks at: whatever is drawn is read and forgotten."""

import contextlib
import fcntl
import os
import pty
import struct
import termios
import threading
from collections.abc import Iterator

ROWS, COLUMNS = 36, 120


@contextlib.contextmanager
def terminal() -> Iterator[int]:
    """Gives the end of the terminal that a program runs in."""
    screen, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    reader = threading.Thread(target=drain, args=(screen,))
    reader.start()
    try:
        yield program
    finally:
        # The reader ends when nobody holds the other end any more.
        os.close(program)
        reader.join()
        os.close(screen)


def drain(screen: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(screen, 65536):
            pass
