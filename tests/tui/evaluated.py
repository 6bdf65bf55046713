"""Evaluations as they lie on disk, without one, and the way to their screen."""

import os
from pathlib import Path

from roleplay.evaluation.report import Report, write_report
from roleplay.paths import Home
from tests.evaluation.reports import invented
from tests.tui.person import Person
from tui.evaluation_screen import EvaluationScreen

SIZE = (130, 60)
LOW = (80, 24)


def evaluated(home: Home, name: str, when: float, report: Report | None = None, character: str = "mira") -> Path:
    """A finished evaluation, as it was written at `when`."""
    folder = home.evaluations / character / name
    write_report(report or invented(character=character), folder / "report.json")
    os.utime(folder / "report.json", (when, when))
    return folder


async def opens(person: Person, *keys: str) -> EvaluationScreen:
    await person.sees("You are Mira")
    await person.press(*(keys or ("e",)))
    await person.sees("Evaluations of")
    screen = person.app.screen
    assert isinstance(screen, EvaluationScreen)
    return screen
