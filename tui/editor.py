"""A text written in the person's own editor, while the screen stands aside."""

import contextlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from textual.app import App, SuspendNotSupported

from roleplay.errors import UsageError
from roleplay.text import clean, one_line


def write_in_editor(app: App[object], text: str, longest: int) -> str:
    """`text` as `$VISUAL`, else `$EDITOR`, leaves it.

    Raises UsageError where there is no editor or it fails, and where what it wrote is no text of at most `longest`
    characters; that is kept in its file.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"the editor '{one_line(command)}' cannot be run: {error}; set EDITOR anew") from error
    if not arguments:
        raise UsageError("no editor is set; set EDITOR before the start, such as EDITOR=nano")
    handle, name = tempfile.mkstemp(prefix="message-", suffix=".md")
    with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    problem = _run(app, [*arguments, name])
    path = Path(name)
    if not problem:
        try:
            written = clean(path.read_text(encoding="utf-8-sig")).strip("\n")
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"what the editor wrote cannot be read as UTF-8; it is in {path}") from None
        if len(written) > longest:
            told = f"What the editor wrote has {len(written):,} characters, and a turn takes {longest:,}"
            raise UsageError(f"{told}; it is in {path}")
    with contextlib.suppress(OSError):
        path.unlink()
    if problem:
        raise UsageError(f"the editor '{one_line(command)}' {problem}; nothing in the prompt has changed")
    return written


def _run(app: App[object], command: list[str]) -> str:
    """What went wrong with an editor; empty where nothing did."""
    try:
        with app.suspend():
            # An error that left this block would leave the screen suspended.
            try:
                status = subprocess.run(command, check=False).returncode
            except OSError as error:
                return f"cannot be run: {error.strerror}"
    except SuspendNotSupported:
        return "needs a terminal of its own, which is not to be had here"
    return f"ended with status {status}" if status else ""
