"""A command of this program, run aside for its words: what it imports would weigh on the screens."""

import subprocess
import sys

from roleplay.errors import RoleplayError
from roleplay.text import clean


class Aside:
    """One command in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.closed = False
        """Whether nobody wants its words any more."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "roleplay", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def words(self) -> str:
        """Wait for the end; what it printed. Raises RoleplayError with what it complained of."""
        told, complaints = self._process.communicate()
        if self._process.returncode == 0:
            return clean(told).rstrip()
        problem = clean(complaints).strip().rpartition("error: ")[2]
        raise RoleplayError(problem or f"the command ended with status {self._process.returncode}")

    def close(self) -> None:
        """End it, whatever it does; `words` returns."""
        self.closed = True
        self._process.kill()
