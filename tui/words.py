"""What a word with a slash does to the chat: the same as its key, or what no key can say."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from roleplay.chat.commands import Command
from roleplay.chat.remotes import parse_remote
from roleplay.chat.words import Kind
from roleplay.errors import UsageError
from roleplay.text import clean, did_you_mean
from tui import files
from tui.messages import Switched
from tui.panels.open import open_panel
from tui.plain import tell

if TYPE_CHECKING:
    from roleplay.chat.talk import Talk
    from tui.chat_screen import ChatScreen

_ACTIONS = {
    "undo": "undo",
    "regenerate": "regenerate",
    "continue": "go_on",
    "edit": "edit",
    "branch": "branch",
    "stop": "stop",
    "new": "new_chat",
    "help": "app.help(True)",
    "bye": "app.quit",
}
"""Words that do what a key does."""


def chat_names(talk: "Talk") -> Callable[[Kind], Sequence[str]]:
    """What this chat has of each kind, to complete words with."""

    def names(kind: Kind) -> Sequence[str]:
        if kind == "prefix":
            return [prefix.id for prefix in talk.session.prefixes]
        if kind == "lane":
            return [lane.name for lane in talk.lane_choices]
        if kind == "adapter":
            return _labels(talk)
        return ()

    return names


def set_value(talk: "Talk", command: Command) -> None:
    """Change what one chat remembers: sampling, strength, histories, adapter. Raises UsageError."""
    match command:
        case Command("set", ("own_history", bool(own))):
            talk.keep_own_history(own)
        case Command("set", (str(name), int() | float() | None as value)):
            talk.set_sampling(name, value)
        case Command("strength", (float(strength),)):
            talk.set_strength(strength)
        case Command("adapter", (str() | None as label,)):
            if label and label not in (known := _labels(talk)):
                raise UsageError(f"{talk.card.name} has no adapter '{label}'; {did_you_mean(label, known)}")
            talk.choose_adapter(label or "")


async def obey(screen: "ChatScreen", command: Command) -> None:
    """Do what a word says. Raises RoleplayError."""
    talk = screen.talk
    match command:
        case Command(word) if word in _ACTIONS:
            await screen.app.run_action(_ACTIONS[word], screen)
        case Command("show", ("sent" | "known" | "lens" | "settings" as what,)):
            open_panel(screen, what)
        case Command("show", (str(what),)):
            _report(screen, what)
        case Command("find", values):
            open_panel(screen, "find", " ".join(map(str, values)))
        case Command("adapter", ()):
            open_panel(screen, "adapters")
        case Command("set" | "strength" | "adapter"):
            set_value(talk, command)
            screen.draw_figures()
            await screen.draw_sidebar()
            tell(screen, "From the next reply on.")
        case Command("prefix", (str(prefix), bool(on))):
            talk.session.switch({prefix: on})
            screen.post_message(Switched(prefix, on))
        case Command("lane", lanes):
            await screen.show_lanes([_lane(talk, str(lane)) for lane in lanes])
        case Command("take", (str(lane),)):
            await screen.action_take(lane)
        case Command("swipe", steps):
            await screen.action_swipe(int(str(steps[0])) if steps else 1)
        case Command("delete"):
            await _delete(screen)
        case Command("clear"):
            await _clear(screen)
        case Command("card"):
            talk.use_new_card()
            await screen.draw()
            tell(screen, "The chat goes on with the card as it is now.")
        case Command("save", names):
            file, layout, *_ = (*map(str, names), "", "")
            screen.run_worker(files.save(screen, file, layout or None))
        case Command("load", (str(file),)):
            screen.run_worker(files.load(screen, file))


async def _delete(screen: "ChatScreen") -> None:
    """Take out the marked turn, else the last reply."""
    line = screen.talk.session.line
    if screen.marked is None and line:
        screen.mark(line[-1])
    await screen.action_delete()


async def _clear(screen: "ChatScreen") -> None:
    """Take out every turn of the person with what follows; each way can be brought back."""
    if screen.is_busy():
        return
    session, count = screen.talk.session, 0
    while (user := next((said for said in session.line if said.role == "user"), None)) is not None:
        count += session.delete(user)
    screen.mark(None)
    await screen.draw()
    tell(screen, f"{count} messages taken out; /undo brings them back." if count else "Nothing was said yet.")


def _report(screen: "ChatScreen", what: str) -> None:
    """Show prefixes, lanes, or the card."""
    from roleplay.cards.prompt import fill
    from tui.report_screen import ReportScreen

    talk, session = screen.talk, screen.talk.session
    card = session.pinned or talk.card
    if what == "prefixes":
        rows = [
            f"{prefix.id}  {'on' if prefix.id in session.active else 'off'}\n{fill(prefix.text, card)}"
            for prefix in session.prefixes
        ]
        told = "\n\n".join(rows) or "This card has no prefixes."
    elif what == "lanes":
        shown = [lane.name for lane in talk.lanes]
        rows = [f"{'●' if name == shown[0] else '○' if name in shown else ' '} {name}" for name in names_of_lanes(talk)]
        own = "Each lane remembers its own replies." if session.settings.own_history else "All follow the conversation."
        told = "\n".join([*rows, "", f"● the conversation, ○ beside it. {own}"])
    else:
        about = {
            "name": card.name,
            "display name": card.display_name,
            "your name": card.user_name,
            "language": card.language,
            "base": talk.figures.base or card.base,
            "adapter": session.settings.adapter or talk.figures.adapter or "none",
            "prefixes": ", ".join(prefix.id for prefix in session.prefixes) or "none",
            "corpora": str(len(card.corpora)),
        }
        told = "\n".join([f"{name:<13} {value}" for name, value in about.items()])
        told += f"\n\n{card.description}".rstrip()
    screen.app.push_screen(ReportScreen(told))


def _lane(talk: "Talk", name: str) -> str:
    """The name of a lane; `MODEL@URL` adds a model of another program to those that can answer. Raises UsageError."""
    if "@http" not in name:
        return name
    remote = parse_remote(name.removeprefix("@"))
    if remote not in talk.company.remotes:
        talk.company.remotes.append(remote)
    return remote.lane.name


def names_of_lanes(talk: "Talk") -> list[str]:
    """Every lane there is, those that answer included."""
    return list(dict.fromkeys(lane.name for lane in (*talk.lane_choices, *talk.lanes)))


def _labels(talk: "Talk") -> list[str]:
    from roleplay.models.find import adapter_choices

    return [clean(choice.label) for choice in adapter_choices(talk.home, talk.card.name)]
