"""What every SQLite file of this program needs: changes whole or not at all, and readers beside a writer."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator

PATIENCE = 10.0
"""Seconds to wait for another program that is writing."""

Run = Callable[..., sqlite3.Cursor]
"""Executes one statement with its values."""


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[Run]:
    """Statements that take effect together or not at all; on disk when this ends. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.execute
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # some failures have rolled back by themselves
            connection.execute("ROLLBACK")
        raise


def write_ahead(connection: sqlite3.Connection) -> None:
    """Keep a write-ahead log. SQLite does not wait for its turn with this one statement, so it is asked again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
