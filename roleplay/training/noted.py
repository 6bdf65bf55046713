"""A process that noted its number in a file, found again by whoever reads it."""

from pathlib import Path

import psutil

_TICK = 1.0
"""Seconds by which a system's times of processes and of files may differ."""


def noted_process(pid: Path) -> psutil.Process | None:
    """The process whose number `pid` holds, unless it has ended or its number was given to another since."""
    try:
        noted, number = pid.stat().st_mtime, int(pid.read_text(encoding="ascii"))
        process = psutil.Process(number)
        mine = process.create_time() <= noted + _TICK and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.Error):
        return None
    return process if mine else None
