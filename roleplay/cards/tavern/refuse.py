"""The one form of error for a card file of another program."""

from roleplay.errors import Fault, FileFaults


def refused(file: str, problem: str, remedy: str, key: str = "") -> FileFaults:
    """An error about the whole of `file`, or about `key` in it."""
    return FileFaults([Fault(file, None, key, problem, remedy)])
