"""What reading a file came to: rows read, kept, merged and dropped, with the reasons."""

from dataclasses import dataclass, field

_FIRST = 5


@dataclass
class Dropped:
    """Rows left out for one reason."""

    rows: int = 0
    """How many."""
    first: list[int] = field(default_factory=list)
    """Numbers of the first few."""


@dataclass
class Report:
    """Filled while values are taken; complete when they are all taken."""

    file: str
    """File or folder, as the person would type it."""
    form: str
    """Name of the form it is read as."""
    because: str
    """Why it is read so."""
    encoding: str
    """Encoding of its text; empty where the format leaves none open."""
    rows: int = 0
    """Rows met; of a chat, its messages."""
    kept: int = 0
    """Rows that became part of a value."""
    merged: int = 0
    """Turns joined to the one before by the same speaker."""
    systems: int = 0
    """System turns left out, since a character's come from its prefixes."""
    dropped: dict[str, Dropped] = field(default_factory=dict)
    """Reason -> rows left out."""
    notes: list[str] = field(default_factory=list)
    """What else a person should know, such as columns that are ignored."""

    @property
    def lost(self) -> int:
        """Rows left out for any reason."""
        return sum(dropped.rows for dropped in self.dropped.values())

    @property
    def lost_share(self) -> float:
        """Rows left out, as a share of those read."""
        return self.lost / self.rows if self.rows else 0.0

    def drop(self, row: int, reason: str) -> None:
        """Count a row left out."""
        dropped = self.dropped.setdefault(reason, Dropped())
        dropped.rows += 1
        if len(dropped.first) < _FIRST:
            dropped.first.append(row)

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)

    def lines(self) -> list[str]:
        """The report for a person."""
        encoding = f"; {self.encoding}" if self.encoding else ""
        return [f"{self.file}: read as {self.form} because {self.because}{encoding}", *self.losses(always=True)]

    def losses(self, *, always: bool = False) -> list[str]:
        """What is not as it was in the file; with `always` the counts even where all is."""
        counts = f"{self.rows} rows read, {self.kept} kept, {self.lost} dropped, {self.merged} turns merged"
        lines = [counts] if always or self.lost or self.merged or self.systems else []
        for reason, dropped in sorted(self.dropped.items(), key=lambda item: -item[1].rows):
            more = ", …" if dropped.rows > len(dropped.first) else ""
            lines.append(f"dropped {dropped.rows}: {reason} (row {', '.join(map(str, dropped.first))}{more})")
        if self.systems:
            lines.append(f"{self.systems} system turns left out: a character's come from its prefixes")
        return lines + self.notes
