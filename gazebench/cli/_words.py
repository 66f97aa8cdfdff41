"""What is recorded about a command in the files it makes."""

import sys
from datetime import UTC, datetime
from pathlib import Path


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def typed() -> str:
    """The command line as typed, with absolute paths cut to their last part."""
    words = ["gazebench", *sys.argv[1:]]
    return " ".join(Path(word).name if Path(word).is_absolute() else word for word in words)
