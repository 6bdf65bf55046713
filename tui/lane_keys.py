"""The keys and lists that choose who answers, and with which prefixes."""

from collections.abc import Iterator, Sequence
from functools import partial

from textual import on
from textual.app import SystemCommand
from textual.binding import Binding

from roleplay.errors import UsageError
from tui.conversation import Conversation
from tui.lanes import Lanes
from tui.messages import HistoryChosen, LanesChosen, Switched
from tui.plain import tell
from tui.prompt import Prompt
from tui.sidebar import Sidebar
from tui.switches import SWITCH_BINDINGS
from tui.tree_keys import TreeKeys

LANE_BINDINGS = (
    Binding("ctrl+b", "next_lanes", "Lanes", id="chat.lanes", tooltip="One lane, two, four: who else answers beside"),
    *SWITCH_BINDINGS,
)


class LaneKeys(TreeKeys):
    """What a chat screen can set before the next message."""

    # --- lanes ---

    async def action_next_lanes(self) -> None:
        """Show one lane, two, or four."""
        from tui.lane_list import next_lanes

        shown, choices = self.shown_lanes, self._choices()
        await self.show_lanes(next_lanes(shown, [name for name in choices if "@" not in name]))
        if self.talk.answers.ready is not None and not self.talk.has_adapter:
            tell(self, "Without an adapter the base answers in every lane: with prefixes, or without.")

    async def action_converse(self, number: int) -> None:
        """Make the lane with this number the conversation."""
        view = next((view for view in self.query_one(Lanes).views if view.number == number), None)
        if view is not None:
            await self._converse(view.lane)

    def action_clicked(self, action: str, number: int) -> None:
        """What a header offers; the column may go with it, so it is the screen that does it."""
        self.call_later(self.action_take if action == "take" else self.action_converse, number)

    async def action_own_history(self) -> None:
        """Let each lane remember its own replies, or all follow the conversation."""
        await self._draw_history(HistoryChosen(not self.talk.session.settings.own_history))

    @on(LanesChosen)
    async def _draw_lanes_chosen(self, message: LanesChosen) -> None:
        await self.show_lanes(message.lanes)

    @on(HistoryChosen)
    async def _draw_history(self, message: HistoryChosen) -> None:
        self.talk.keep_own_history(message.own)
        await self.draw_sidebar()
        how = "remembers its own replies" if message.own else "follows the conversation"
        tell(self, f"From your next message on each lane {how}.")

    @property
    def shown_lanes(self) -> list[str]:
        """Names of the lanes that answer, the conversation's first."""
        if self.talk.answers.ready is None:  # whether there is an adapter is not known yet
            return list(self.talk.session.settings.lanes or ("persona+prefix",))
        return [lane.name for lane in self.talk.lanes]

    async def show_lanes(self, lanes: Sequence[str]) -> None:
        """Let these lanes answer from the next message on."""
        try:
            self.talk.show_lanes(lanes)
        except UsageError as error:
            tell(self, str(error), "error")
            return
        await self.draw_sidebar()
        await self.draw_lanes()

    async def draw_lanes(self) -> None:
        """Draw what the lanes beside said to the exchange at hand; not while they are speaking."""
        if not self._answering:
            await self.query_one(Lanes).show(self.shown_lanes[1:], self.at_hand())

    async def draw_sidebar(self) -> None:
        """Draw what is switched on and who answers."""
        choices = list(dict.fromkeys((*self._choices(), *self.shown_lanes)))
        await self.query_one(Sidebar).show(self.talk, choices, self.shown_lanes)

    def _choices(self) -> list[str]:
        """Lanes to choose from; before the model is loaded an adapter is expected."""
        if self.talk.answers.ready is None:
            from roleplay.generation.lanes import LANES

            return list(LANES)
        return [lane.name for lane in self.talk.lane_choices]

    async def _converse(self, lane: str) -> None:
        from tui.lane_list import led_by

        await self.show_lanes(led_by(lane, self.shown_lanes))
        tell(self, f"{lane} is the conversation from your next message on.")

    async def _toggle(self, lane: str) -> None:
        from tui.lane_list import toggled

        await self.show_lanes(toggled(lane, self.shown_lanes))

    # --- prefixes ---

    async def action_switch_prefix(self, number: int) -> None:
        """Switch the prefix at `number`, counted from 1."""
        switches = self.switches()
        if number <= len(switches):
            prefix, is_on = switches[number - 1]
            self.post_message(Switched(prefix, not is_on))

    @on(Switched)
    async def _draw_switched(self, message: Switched) -> None:
        self.talk.session.switch({message.prefix: message.on})
        self.talk.session.save_quietly()
        await self.draw_sidebar()
        if not self.query_one(Conversation).has_focus:
            self.query_one(Prompt).focus()

    def switches(self) -> list[tuple[str, bool]]:
        """Ids of the prefixes, and whether they are on."""
        if not self._opened:
            return []
        session = self.talk.session
        return [(prefix.id, prefix.id in session.active) for prefix in session.prefixes]

    # --- twins of what the sidebar and the columns offer ---

    def lane_commands(self) -> Iterator[SystemCommand]:
        """Commands of the palette: each lane shown, hidden, made the conversation, or taken over."""
        if not self._opened:
            return
        shown = self.shown_lanes
        for lane in self._choices():
            if lane != shown[0]:
                what = f"Lane {lane}: {'hide' if lane in shown else 'show beside'}"
                yield SystemCommand(what, "From the next message on", partial(self._toggle, lane))
                yield SystemCommand(
                    f"Lane {lane}: talk here", "Make it the conversation", partial(self._converse, lane)
                )
        for view in self.query_one(Lanes).views:
            what = f"Lane {view.lane}: take over its reply"
            yield SystemCommand(what, "Into the conversation", partial(self.action_take, view.number))
        own = self.talk.session.settings.own_history
        what = "Lanes: all follow the conversation" if own else "Lanes: each its own history"
        yield SystemCommand(what, "What lanes beside remember", self.action_own_history)
