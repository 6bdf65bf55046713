"""Freed memory stays with the process, so that the next step need not have it from the kernel again."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's malloc.h."""
_ONE_GIB = 1 << 30


def keep_freed_memory() -> bool:
    """Let glibc keep what is freed, up to 2 GiB at the top of its heap; False where another C library is at work.

    By default it gives blocks of 32 MiB and more back at once, and the kernel hands them out again page by page, each
    filled with zeros: up to a sixth of a training step on a CPU. See mallopt(3); the settings hold for the process.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _ONE_GIB)) and bool(mallopt(_TRIM_THRESHOLD, 2 * _ONE_GIB - 1))
