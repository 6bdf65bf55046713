"""The column at the left: prefixes, lanes, conversations and characters, each in a section that folds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.containers import VerticalScroll
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from roleplay.text import one_line
from tui.messages import ChatChosen, Chosen
from tui.plain import plain
from tui.switches import Switches

if TYPE_CHECKING:
    from roleplay.chat.roster import Entry
    from roleplay.chat.store import StoredChat
    from roleplay.chat.talk import Talk
    from tui.lane_list import LaneList


class Sidebar(VerticalScroll):
    """Everything that can be chosen without leaving the chat."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="sidebar")
        self.entries: list[Entry] = []
        self.chats: list[StoredChat] = []
        self.current: int | None = None
        """Number of the conversation at hand; `None` for one that is not kept yet."""
        self.character = ""
        """Name of the character at hand."""
        self.switches = Switches()
        self.lanes: LaneList | None = None

    async def fill(self) -> None:
        """Draw the sections, which would hold up the first frame."""
        from textual.widgets import Collapsible

        from tui.lane_list import LaneList

        self.lanes = LaneList()
        lists = OptionList(id="sidebar-chats"), OptionList(id="sidebar-characters")
        await self.mount(
            Collapsible(self.switches, title="prefixes", collapsed=False),
            Collapsible(self.lanes, title="lanes", collapsed=False),
            Collapsible(lists[0], title="conversations", collapsed=False),
            Collapsible(lists[1], title="characters", collapsed=False),
        )

    async def show(self, talk: "Talk", lanes: Sequence[str], shown: Sequence[str]) -> None:
        """Draw what is switched on and who answers: of all `lanes` those that are `shown`."""
        session, self.character = talk.session, talk.card.name
        await self.switches.show(session.pinned or talk.card, session.prefixes, session.active)
        if self.lanes is not None:
            self.lanes.show(lanes, shown, own_history=session.settings.own_history)
        if session.keeper.chat != self.current:
            self.current = session.keeper.chat
            self.show_chats(self.chats)

    def show_chats(self, chats: "Sequence[StoredChat]") -> None:
        """Draw the conversations of this character."""
        self.chats = list(chats)
        for shown in self.query("#sidebar-chats").results(OptionList):
            sign = {self.current: "●"}
            texts = [f"{sign.get(chat.id, ' ')} {one_line(chat.opening, 60)}" for chat in self.chats]
            shown.set_options([Option(plain("+ new")), *(Option(plain(text)) for text in texts)])

    def show_characters(self, entries: "Sequence[Entry]") -> None:
        """Draw the characters in reach."""
        self.entries = [entry for entry in entries if not entry.faults]
        for shown in self.query("#sidebar-characters").results(OptionList):
            signs = {self.character: "●"}
            shown.set_options(
                [
                    Option(plain(f"{signs.get(entry.name, ' ')} {one_line(entry.display_name)}"))
                    for entry in self.entries
                ]
            )

    @on(OptionList.OptionSelected, "#sidebar-chats")
    def _choose_chat(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        at = event.option_index
        self.post_message(ChatChosen(self.chats[at - 1].id if at else None))

    @on(OptionList.OptionSelected, "#sidebar-characters")
    def _choose_character(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.post_message(Chosen(self.entries[event.option_index], None))
