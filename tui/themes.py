"""The colours of the screens: two themes of our own, a person's from the home, and the one that was chosen last."""

import contextlib
from typing import TYPE_CHECKING

from textual.theme import Theme

from roleplay.errors import RoleplayError
from roleplay.paths import Home, write_file
from tui.plain import tell

if TYPE_CHECKING:
    from textual.app import App

NIGHT = Theme(
    name="night",
    primary="#7aa2d6",
    secondary="#c3a27a",
    accent="#9d8ad6",
    warning="#e0b060",
    error="#e07a72",
    success="#86b886",
    foreground="#dde1e8",
    background="#12161d",
    surface="#1a2029",
    panel="#232b37",
    dark=True,
)
DAY = Theme(
    name="day",
    primary="#2f5f9e",
    secondary="#8a5a1e",
    accent="#6a4fb0",
    warning="#9a6200",
    error="#b3382f",
    success="#3d7a3d",
    foreground="#20242b",
    background="#faf8f3",
    surface="#f1ede4",
    panel="#e5dfd2",
    dark=False,
)


def put_on(app: "App[RoleplayError]", home: Home) -> None:
    """Wear the theme that was chosen last; before the program runs, so that its styles are read once.

    `read_more` follows: only who wears a theme of their own sees another for that moment.
    """
    for theme in (NIGHT, DAY):
        app.register_theme(theme)
    chosen = _remembered(home)
    app.theme = chosen if chosen in app.available_themes else NIGHT.name


def read_more(app: "App[RoleplayError]", home: Home) -> None:
    """Read the themes of the home, wear the one chosen last, and remember what is chosen from now on."""
    chosen = _remembered(home)
    read_own(app, home)
    if chosen in app.available_themes:
        app.theme = chosen
    app.theme_changed_signal.subscribe(app, lambda theme: _remember(app, home, theme.name))


def read_own(app: "App[RoleplayError]", home: Home) -> None:
    """Register the themes in the home; a faulty one is told, and left out."""
    if not home.themes.is_dir():
        return
    from tui.theme_file import read_theme

    for path in sorted(home.themes.glob("*.yaml")):
        try:
            app.register_theme(read_theme(path))
        except RoleplayError as error:
            tell(app.screen, str(error), "warning")


def _remembered(home: Home) -> str:
    """Name of the theme chosen last; empty where none was."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return home.theme.read_text(encoding="utf-8").strip()
    return ""


def _remember(app: "App[RoleplayError]", home: Home, name: str) -> None:
    try:
        write_file(home.theme, f"{name}\n")
    except RoleplayError as error:
        tell(app.screen, f"The theme is not remembered: {error}", "warning")
