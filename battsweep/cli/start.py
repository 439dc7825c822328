"""Where the program begins: Ctrl-C ends it quietly, even while it is imported or let go of."""

from __future__ import annotations

import signal


def main() -> int:
    """Import the command line and call it; see `battsweep.cli.main.main`."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from battsweep.cli.main import main as command

    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status = command()
    if heeded:  # what is left to Python's end, such as closing a cluster, may take seconds
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return status
