"""How long `roleplay --help` takes beside a Python that does nothing."""

import statistics
import subprocess
import sys
import time

_PAIRS = 15


def help_against_bare_python() -> None:
    """Print medians and the ratio; the two commands take turns, so that both meet the same machine."""
    bare, helped = [], []
    for _ in range(_PAIRS):
        bare.append(_seconds([sys.executable, "-c", "pass"]))
        helped.append(_seconds([sys.executable, "-m", "roleplay", "--help"]))
    ratio = statistics.median(h / b for h, b in zip(helped, bare, strict=True))
    print(
        f"roleplay --help: {statistics.median(helped) * 1000:.0f} ms, python -c pass: "
        f"{statistics.median(bare) * 1000:.0f} ms, ratio {ratio:.1f} (goal: at most 25)"
    )


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
