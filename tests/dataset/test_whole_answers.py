"""No answer of a split dialogue loses its end unless it is too long for its last question alone."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.model import Card
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import build_sample
from roleplay.dataset.unit import Losses, Voice, plan_units
from roleplay.dialogue import Dialogue, Role, Turn

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "mimi",
        "display_name": "Mimi",
        "language": "en",
        "prefixes": [{"id": "who", "text": "You are {{char}}."}],
    }
)
ROLES: tuple[Role, Role] = ("user", "assistant")


@given(lengths=st.lists(st.integers(1, 90), min_size=2, max_size=20), limit=st.integers(40, 240))
def test_an_answer_loses_its_end_only_where_no_border_could_save_it(
    chatml: Renderer, lengths: Sequence[int], limit: int
) -> None:
    voice = Voice(CARD, tuple(CARD.prefixes), chatml)
    turns = tuple(Turn(ROLES[i % 2], "x" * length) for i, length in enumerate(lengths))
    units = plan_units(voice, Dialogue(turns, "long:1"), "dialogue", (("who",), ()), limit, Losses())

    whole = {}
    for unit in units:
        sample = build_sample(voice, unit, ("who",), limit)
        for i, (begin, end) in zip(unit.answers, sample.spans, strict=True):
            assert i not in whole, "trained twice"
            whole[i] = list(sample.ids[begin:end]) == voice.answer_ids(turns[i].text)

    for i in range(1, len(turns), 2):
        shortest = len(voice.prompt_ids(turns[i - 1 : i], ("who",)))
        fits = shortest + len(voice.answer_ids(turns[i].text)) <= limit
        assert whole.get(i) == (fits if shortest < limit else None)
