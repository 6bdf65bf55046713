"""The review of a file of pairs: each is kept, flipped or dropped, and the file is written when asked."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from roleplay.errors import RoleplayError
from roleplay.paths import shown
from tui.confirm_screen import ConfirmScreen
from tui.plain import plain, tell
from tui.review_leave import LeaveScreen
from tui.review_messages import Compared
from tui.review_view import PairView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from roleplay.corpora.pairs import Pair
    from roleplay.corpora.review import Decision, Review
    from roleplay.measures.near_pairs import Likenesses

WORDS = """\
Each pair is a better reply and a worse one to the same turn. Nothing is written before you save; what you decided \
waits beside the file, also after a crash, and 'roleplay data review' goes on with it.

A flipped pair is shown as it will be written; flipped again, it is as it was. Undecided pairs are written as they are.

A pair is flagged where another one contradicts it or says nearly the same, or where its two replies hardly differ.

Tab goes from the conversation to the replies; the arrows up and down and Page Up and Page Down scroll there. \
Ctrl+P finds all of this by name."""


class ReviewScreen(Screen[None]):
    """One pair at a time; deciding goes on to the next undecided one."""

    CSS_PATH = "review.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "decide('kept')", "Keep", id="review.keep", tooltip="Keep the pair as it is shown"),
        Binding("f", "flip", "Flip", id="review.flip", tooltip="Make the worse reply the better one, or back again"),
        Binding("d", "decide('dropped')", "Drop", id="review.drop", tooltip="Leave the pair out of the file"),
        Binding("u", "undo", "Undo", id="review.undo", tooltip="Take the last decision since saving back"),
        # The containers that scroll would have the arrows, Home and End first.
        Binding("right,n", "step(1)", "Next", id="review.next", tooltip="The next pair", priority=True),
        Binding(
            "left,p", "step(-1)", "Back", id="review.previous", tooltip="The pair before", show=False, priority=True
        ),
        Binding("o", "open", "Open", id="review.undecided", tooltip="The next pair that is undecided", show=False),
        Binding("g", "flagged", "Flagged", id="review.flagged", tooltip="The next pair that is flagged"),
        Binding("home", "go(0)", "First", id="review.first", tooltip="The first pair", show=False, priority=True),
        Binding("end", "go(-1)", "Last", id="review.last", tooltip="The last pair", show=False, priority=True),
        Binding("s", "save", "Save", id="review.save", tooltip="Write the file as decided"),
        Binding("q", "leave", "Quit", id="review.quit", tooltip="Leave; asks where something is not saved"),
        Binding("f1", "app.help", "Help", id="review.help", tooltip="What the keys do"),
    ]

    def __init__(self, review: "Review") -> None:
        super().__init__()
        self.review = review
        undecided = review.next_undecided(-1)
        self.at = 0 if undecided is None else undecided
        """Place of the pair that is shown."""
        self.found: Likenesses | None = None
        """Which pairs contradict or repeat others; `None` until they were compared."""
        self._times_saved = 0
        self._warned = ""

    def compose(self) -> ComposeResult:
        """As the screen is."""
        yield Static(id="title")
        yield PairView()
        yield Footer(show_command_palette=False)  # it finds no room beside the keys

    def on_mount(self) -> None:
        """Show the first pair without a decision."""
        self._draw()
        self._compare()
        if self.review.unsaved:
            found = sum(what is not None for what in self.review.decisions)
            tell(self, f"Decisions that were not saved were found again: {found}.")

    @on(Compared)
    def _flag(self, message: Compared) -> None:
        if message.times_saved == self._times_saved:
            self.found = message.found
            self._draw()

    # --- keys, which the palette names too ---

    def action_decide(self, what: "Decision") -> None:
        """Decide about the pair, and go on."""
        flipped = self.review.decisions[self.at] == "flipped"
        self._decide("flipped" if what == "kept" and flipped else what)

    def action_flip(self) -> None:
        """Change the replies about, and go on."""
        self._decide("kept" if self.review.decisions[self.at] == "flipped" else "flipped")

    def action_undo(self) -> None:
        """Take a decision back, and show what it was about."""
        before = list(self.review.decisions)
        self._guard(self.review.undo)
        undone = [at for at, what in enumerate(before) if what != self.review.decisions[at]]
        if not undone:
            tell(self, "Nothing was decided that could be undone.")
        self._show(*undone)

    def action_step(self, by: int) -> None:
        """Go to the next pair or the one before; there is none before the first and after the last."""
        self._show(min(max(self.at + by, 0), len(self.review.pairs) - 1))

    def action_go(self, at: int) -> None:
        """Go to a pair, from the end where `at` is negative."""
        self._show(at % len(self.review.pairs))

    def action_open(self) -> None:
        """Go to the next undecided pair."""
        at = self.review.next_undecided(self.at)
        if at is None:
            tell(self, "Every pair is decided.")
        else:
            self._show(at)

    def action_flagged(self) -> None:
        """Go to the next pair with a flag."""
        count = len(self.review.pairs)
        at = next((i % count for i in range(self.at + 1, self.at + count + 1) if self._flags(i % count)), None)
        if at is None:
            tell(self, "No pair is flagged." if self.found else "The pairs are still being compared.")
        else:
            self._show(at)

    def action_save(self) -> None:
        """Write the file."""
        if self.review.unsaved:
            self.run_worker(self._save())
        else:
            tell(self, "There is nothing to save.")

    def action_leave(self) -> None:
        """End the program, after a question where something is not saved."""
        self.run_worker(self._leave())

    # --- steps that several of the above take ---

    def _decide(self, what: "Decision") -> None:
        self._guard(partial(self.review.decide, self.at, what))
        at = self.review.next_undecided(self.at)
        if at is None:
            tell(self, "Every pair is decided; saving writes the file.")
        self._show(self.at if at is None else at)

    def _guard(self, change: "Callable[[], object]") -> None:
        """Do what may be lost by a crash, and say so once."""
        try:
            change()
        except RoleplayError as error:
            if self._warned != str(error):
                tell(self, f"What you decide is kept in memory only: {error}", "warning")
            self._warned = str(error)

    async def _save(self) -> bool:
        review = self.review
        if review.changed_on_disk:
            question = f"{shown(review.path)} was changed by something else meanwhile. Write over it?"
            if not await self.app.push_screen_wait(ConfirmScreen(question)):
                return False
        gone = review.decisions[: self.at].count("dropped")
        undecided = review.counts["undecided"]
        try:
            review.save()
        except RoleplayError as error:
            tell(self, str(error), "error")
            return False
        self._times_saved, self.found = self._times_saved + 1, None
        as_it_was = f", {undecided} of them undecided" if undecided else ""
        tell(self, f"{review.written} pairs are in {shown(review.path)}{as_it_was}.")
        self._compare()
        self._show(min(self.at - gone, len(review.pairs) - 1))
        return True

    async def _leave(self) -> None:
        if self.review.unsaved:
            told = ", ".join(f"{count} {what}" for what, count in self.review.counts.items() if count)
            answer = await self.app.push_screen_wait(LeaveScreen(f"This is not saved: {told}."))
            if answer is None or (answer == "save" and not await self._save()):
                return
            if answer == "discard":
                self._guard(self.review.discard)
        self.app.exit()

    def _compare(self) -> None:
        job = partial(_compare, self.post_message, list(self.review.pairs), self._times_saved)
        self.run_worker(job, thread=True, group="compare")

    def _flags(self, at: int) -> list[str]:
        return [] if self.found is None else self.found.flags(at, self.review.decisions)

    def _show(self, *at: int) -> None:
        self.at = at[0] if at else self.at
        self._draw()

    def _draw(self) -> None:
        review = self.review
        counts = " · ".join(f"{what} {count}" for what, count in review.counts.items())
        unsaved = " · not saved" if review.unsaved else ""
        title = [plain(f"{self.at + 1} of {len(review.pairs)}", "bold"), plain(f"  {counts}{unsaved}")]
        self.query_one("#title", Static).update(Content.assemble(*title, plain(f"  {shown(review.path)}", "dim")))
        self.query_one(PairView).show(review.shown(self.at), review.decisions[self.at], self._flags(self.at))


def _compare(post: "Callable[[Message], object]", pairs: "Sequence[Pair]", times_saved: int) -> None:
    from roleplay.measures.near_pairs import likenesses

    post(Compared(likenesses(pairs), times_saved))
