"""A conversation as a model is sent it."""

from roleplay.chat.said import Said
from roleplay.chat.tree import Tree
from roleplay.dialogue import Turn
from roleplay.generation.lanes import Lane


def history(tree: Tree, lane: Lane | None, too_long: Said | None) -> tuple[Turn, ...]:
    """The path to the head; for a `lane` with a memory of its own, with its replies where it gave any.

    Turns of the person that follow each other are one; what follows `too_long`, which fills the context, stands alone.
    """
    turns: list[Turn] = []
    former: Said | None = None
    for said in tree.line:
        text = said.text
        if lane is not None and former is not None and said.role == "assistant":
            own = (other.text for other in tree.beside(former) if other.lane == lane.name and other.text)
            text = next(own, text)
        if turns and said.role == turns[-1].role == "user":
            before = turns.pop().text
            text = text if former is too_long else f"{before}\n\n{text}"
        turns.append(Turn(said.role, text))
        former = said
    return tuple(turns)
