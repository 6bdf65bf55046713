"""Both replies to a prompt, drawn by a process for each base."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from roleplay.cards.model import KNOWLEDGE
from roleplay.cards.prompt import default_prefixes
from roleplay.chat.prefer.contenders import Contender
from roleplay.chat.prefer.match import Drawn, Letter, Match
from roleplay.chat.prefer.prompts import Asked, context_of
from roleplay.chat.process import AnswerProcess
from roleplay.chat.question import Ask, Question
from roleplay.chat.wire import Opening, Ready
from roleplay.corpora.pairs import Side
from roleplay.generation.events import Finished, Piece
from roleplay.text import draw

Tell = Callable[[str], object]
"""Hears what is being done; nothing of it tells who is at the left."""
_EVERY = 8
"""Pieces between two words about a reply under way."""


class Draws:
    """Draws for two contenders; one thread at a time, and any thread may close.

    Two that share a base and a way to draw, but not a lane, answer in one batch with one seed. Else one answers after
    the other: a batch has one way to draw. The same seed gives a prompt the same replies.
    """

    def __init__(
        self,
        contenders: tuple[Contender, Contender],
        seed: int,
        start: Callable[[Opening], AnswerProcess] = AnswerProcess,
    ) -> None:
        self.contenders, self.seed = contenders, seed
        self.notices: list[str] = []
        """What the person should know, since it was looked at last."""
        openings = dict.fromkeys(one.opening for one in contenders)
        self._processes = {opening: start(opening) for opening in openings}

    def draw(self, turns: Asked, tell: Tell) -> Match:
        """Two replies to `turns`, the left one by lot. Raises RoleplayError."""
        a, b = self.contenders
        ready = {opening: self._load(opening, tell) for opening in self._processes}
        context = context_of(turns)
        together = a.lane != b.lane and (a.opening, a.sampling) == (b.opening, b.sampling)
        drawn: dict[Letter, Drawn] = {}
        pieces = 0

        def count() -> None:
            nonlocal pieces
            pieces += 1
            if pieces % _EVERY == 1:
                tell(f"drawing the next two replies, {pieces} pieces of text so far")

        sides: tuple[tuple[Letter, Contender], ...] = (("a", a), ("b", b))
        for group in [sides] if together else [sides[:1], sides[1:]]:
            seed = int(draw(self.seed, context, "both" if together else group[0][0]) * 2**31)
            drawn |= self._answer(group, seed, ready[group[0][1].opening], turns, count)
        left: Letter = "a" if draw(self.seed, a.name, b.name, context, "left") < 0.5 else "b"
        prefixes = tuple(default_prefixes(ready[a.opening].prefixes))
        return Match(turns, prefixes, drawn["a"], drawn["b"], left)

    def close(self) -> None:
        """End the processes, whatever they do."""
        for process in self._processes.values():
            process.close()

    def _load(self, opening: Opening, tell: Tell) -> Ready:
        process = self._processes[opening]
        before = process.ready
        process.tell = lambda stage: tell(stage.text)
        ready = process.load()
        assert ready is not None  # noqa: S101  # nobody cancels
        if ready is not before and ready.notice:
            self.notices.append(ready.notice)
        return ready

    def _answer(
        self,
        group: Sequence[tuple[Letter, Contender]],
        seed: int,
        ready: Ready,
        turns: Asked,
        count: Callable[[], None],
    ) -> dict[Letter, Drawn]:
        """The replies of those who answer together."""
        _, first = group[0]
        sampling = replace(first.sampling, seed=seed)
        asks = tuple(Ask(one.lane, _sent(one, ready), 0, turns) for _, one in group)
        heard: dict[str, Finished] = {}
        for event in self._processes[first.opening].answer(Question(asks, sampling)):
            if isinstance(event, Finished):
                heard[event.lane.name] = event
            elif isinstance(event, Piece):
                count()
        return {
            letter: Drawn(
                one.name,
                heard[one.lane.name].text.strip(),
                heard[one.lane.name].stopped,
                Side(None, one.lane.name, ask.prefixes, ready.identity, one.adapter, asdict(sampling)),
            )
            for (letter, one), ask in zip(group, asks, strict=True)
        }


def _sent(one: Contender, ready: Ready) -> tuple[str, ...]:
    """Ids of the prefixes that the lane sends: those of a new chat, with or without passages as the lane says."""
    if not one.lane.prefix:
        return ()
    wanted = {*default_prefixes(ready.prefixes)}
    if one.lane.knowledge is not None:
        wanted = wanted | {KNOWLEDGE} if one.lane.knowledge else wanted - {KNOWLEDGE}
    return tuple(prefix.id for prefix in ready.prefixes if prefix.id in wanted)
