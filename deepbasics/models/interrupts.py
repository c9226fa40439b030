"""Ctrl-C between two steps instead of in the middle of one."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """`raised` is set by Ctrl-C; the loop looks at it after each step."""

    raised = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Note the first; raise at the second, for a step that does not end."""
        if self.raised:
            raise KeyboardInterrupt
        self.raised = True

    def check(self) -> None:
        """Raise KeyboardInterrupt if there was one."""
        if self.raised:
            raise KeyboardInterrupt


@contextmanager
def held_back() -> Iterator[Interrupts]:
    """Hold Ctrl-C back until `check()`, so that no step is left half done.

    Where a handler of the user's is in place, and outside the main thread, signals are left alone.
    """
    found = Interrupts()
    try:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual:
            signal.signal(signal.SIGINT, found.handle)
    except ValueError:  # not the main thread
        usual = False
    try:
        yield found
    finally:
        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)
