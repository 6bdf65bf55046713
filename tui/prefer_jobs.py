"""What blocks in a blind comparison, to be run in a thread: it posts what came of it."""

from typing import TYPE_CHECKING

from roleplay.errors import RoleplayError
from tui.jobs import Post
from tui.prefer_messages import DrawingTold, MatchDrawn, NotDrawn

if TYPE_CHECKING:
    from roleplay.chat.prefer.comparison import Comparison


def draw_match(post: Post, comparison: "Comparison") -> None:
    """Draw the next two replies."""
    try:
        match = comparison.next(lambda text: post(DrawingTold(text)))
    except RoleplayError as error:
        post(NotDrawn(str(error)))
        return
    notices, comparison.draws.notices = tuple(comparison.draws.notices), []
    post(MatchDrawn(match, notices))
