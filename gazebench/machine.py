"""What this machine offers."""

import os


def cores() -> int:
    """CPU cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # Linux: a container or a job may have fewer than all
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
