"""What is held out and yet stands in training, so that held-out numbers look better than they are.

The split goes by the identity of a dialogue, so a leak is a text that was written twice. Three things are leaks:

- a held-out answer that is trained too, behind the same turns: case, width and punctuation apart, they are the same;
- a held-out answer, more than a set phrase, that equals or nearly equals a trained one, whatever was asked;
- a held-out dialogue whose answers, taken together, equal or nearly equal those of a trained dialogue. Its answers are
  not listed once more.

A greeting of the card that opens a dialogue is none: chat shows it, and no model is asked for it.
"""

from collections.abc import Sequence

from roleplay.measures.near_texts import Alike, NearTexts
from roleplay.measures.repeats import Repeat, repeat
from roleplay.measures.said import Said, Spoken


class _Trained:
    """What is trained, to be asked what it holds."""

    def __init__(self, said: Sequence[Said], alike: Alike) -> None:
        self._said = [one for one in said if not one.heldout]
        self._trails = {one.trail: one for one in reversed(self._said) if one.trail}
        self._own = {one.letters: at for at, one in reversed(list(enumerate(self._said))) if one.own}
        self._near = NearTexts(alike)
        for text, at in self._own.items():
            self._near.add(at, text)

    def find(self, one: Said) -> Repeat | None:
        """Where `one` stands in training, if it does."""
        same = self._trails.get(one.trail)
        if same:
            return repeat(one, same, 1.0)
        if not one.own:
            return None
        near = self._near.find(one.letters)
        return repeat(one, self._said[near[0].key], near[0].likeness) if near else None


def find_leaks(spoken: Spoken, alike: Alike) -> tuple[Repeat, ...]:
    """Every leak once; each names the held-out place first."""
    dialogues, answers = _Trained(spoken.dialogues, alike), _Trained(spoken.answers, alike)
    found = [leak for one in spoken.dialogues if one.heldout and (leak := dialogues.find(one))]
    whole = {leak.place.source for leak in found}
    return (
        *found,
        *(
            leak
            for one in spoken.answers
            if one.heldout and one.place.source not in whole and (leak := answers.find(one))
        ),
    )
