"""What the palette and the help tell: every key with what it does, every prefix, every lane."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.binding import Binding
from textual.dom import DOMNode

from tui.chat_screen import ChatScreen
from tui.conversation import Conversation
from tui.keys import named, spoken
from tui.messages import Switched
from tui.prompt import Prompt
from tui.switches import SWITCH_BINDINGS

if TYPE_CHECKING:
    from tui.app import ChatApp


def chat_commands(app: "ChatApp", screen: ChatScreen) -> Iterator[SystemCommand]:
    """The commands of a chat."""
    yield from twins(app, screen.query_one(Prompt), screen, screen.query_one(Conversation), app)
    if screen.is_open:
        for prefix, is_on in screen.switches():
            what = f"Prefix {prefix}: switch {'off' if is_on else 'on'}"
            switched = Switched(prefix, not is_on)
            yield SystemCommand(what, "From the next message on", partial(screen.post_message, switched))
        yield from screen.lane_commands()


def twins(app: "ChatApp", *targets: DOMNode) -> Iterator[SystemCommand]:
    """A command for each key that does something by itself."""
    for target in targets:
        for binding in _told(named(type(target))):
            if binding.action != "quit":  # the palette has that one itself
                action = partial(app.run_action, binding.action, target)
                keys = spoken(app.own_keys.get(binding.id or "", binding.key))
                yield SystemCommand(binding.description, f"{binding.tooltip} · {keys}", action)


def key_help(own: Mapping[str, str], here: type[DOMNode] = ChatScreen) -> list[tuple[str, str, str]]:
    """What people press in the chat, what it does, and the id under which they can choose another key.

    `own` are the keys of the person's own, by id; the keys of the screen that is `here` come first.
    """
    from tui.app import ChatApp

    rows = [
        (spoken(own.get(one.id or "", one.key)), one.tooltip, one.id or "")
        for one in _told(named(*(() if here is ChatScreen else (here,)), Prompt, ChatScreen, Conversation, ChatApp))
    ]
    switches = [own.get(one.id or "", one.key) for one in (SWITCH_BINDINGS[0], SWITCH_BINDINGS[-1])]
    return [
        *rows,
        (" … ".join(map(spoken, switches)), "Switch a prefix on or off, from your next message on", "chat.prefix-1"),
        ("Page Up, Page Down", "Scroll the conversation", "chat.scroll-up"),
        ("Ctrl+C", "Copy what is marked, else stop the reply", ""),
        ("Ctrl+P", "Palette: all of this by name, and themes", ""),
    ]


def _told(bindings: Iterable[Binding]) -> list[Binding]:
    """Those with something to tell; prefixes are told by their names."""
    return [one for one in bindings if one.tooltip and not one.action.startswith("switch_prefix")]
