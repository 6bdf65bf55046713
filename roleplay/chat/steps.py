"""What was done in a conversation, so that it can be undone."""

from dataclasses import dataclass, field

from roleplay.chat.said import Said
from roleplay.chat.tree import Tree


@dataclass
class Step:
    """What was before something was done."""

    head: Said | None
    """Where the conversation ended."""
    said: str | None = None
    """What the person said in this step."""
    hidden: list[Said] = field(default_factory=list)
    """Turns that were deleted."""
    taken: Said | None = None
    """A reply that was taken over."""
    reply: Said | None = None
    """A reply that was continued."""
    text: str = ""
    """Its text before."""
    stopped: str | None = None
    """How it had ended."""


class Steps:
    """The steps of one sitting, the last one last."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._done: list[Step] = []

    def note(self, said: str | None = None, *, taken: Said | None = None, reply: Said | None = None) -> Step:
        """Remember how things stand before a step is taken."""
        step = Step(self.tree.head, said, taken=taken, reply=reply)
        if reply is not None:
            step.text, step.stopped = reply.text, reply.stopped
        self._done.append(step)
        return step

    def forget(self) -> None:
        """The step that was noted last came to nothing."""
        self._done.pop()

    def undo(self) -> str | None:
        """Go back to before the last step; returns what the person had said in it, empty where it was no saying.

        Of an earlier sitting the last turn of the person is taken back. `None` where there is nothing to undo.
        """
        if not self._done:
            user = next((said for said in reversed(self.tree.line) if said.role == "user"), None)
            if user is None:
                return None
            self.tree.head = user.parent
            return user.text
        step = self._done.pop()
        self.tree.head = step.head
        for said in step.hidden:
            said.deleted = False
        if step.taken is not None:
            step.taken.beside, step.taken.taken = True, False
        if step.reply is not None:
            step.reply.text, step.reply.stopped = step.text, step.stopped
        return step.said or ""
