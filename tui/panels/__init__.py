"""Panels before the chat: what was sent, the lens, settings, adapters, passages, finding; Esc closes each."""

from textual.binding import Binding

PANEL_BINDINGS = tuple(
    Binding(keys, f"panel('{name}')", description, id=f"chat.{name}", tooltip=tooltip, show=False, priority=True)
    for keys, name, description, tooltip in (
        ("f2", "sent", "What was sent", "The exact request of the last reply, token by token"),
        ("f3,ctrl+f", "find", "Find", "Find in all chats"),
        ("f5", "settings", "Settings", "Strength of the adapter, sampling"),
        ("f6", "lens", "Lens", "Which words of a reply are memorised, learned, or the base's own"),
        ("f7", "adapters", "Adapters", "Choose an adapter, or hear every checkpoint of a run"),
        ("f10", "known", "Known", "Which passages a reply stood on; pin and exclude them"),
    )
)
"""The keys that open them, by the names that `tui.panels.open` knows."""
