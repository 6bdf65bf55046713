"""Every key of every screen, with the id under which a person can choose another."""

from textual.dom import DOMNode


def owners() -> list[type[DOMNode]]:
    """Everything that has keys, the chat first."""
    from tui.app import ChatApp
    from tui.characters_screen import CharactersScreen
    from tui.chat_screen import ChatScreen
    from tui.help_screen import HelpScreen
    from tui.panels.adapters import AdaptersPanel
    from tui.panels.find import FindPanel
    from tui.panels.lens import LensPanel
    from tui.panels.sent import SentPanel
    from tui.panels.settings import Setting, SettingsPanel
    from tui.prompt import Prompt
    from tui.report_screen import ReportScreen

    panels: list[type[DOMNode]] = [SentPanel, FindPanel, SettingsPanel, Setting, LensPanel, AdaptersPanel]
    return [Prompt, ChatScreen, ChatApp, *panels, CharactersScreen, HelpScreen, ReportScreen]
