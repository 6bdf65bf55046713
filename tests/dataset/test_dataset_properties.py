from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.model import Card
from roleplay.cards.prompt import fill
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import build_sample, check_sample
from roleplay.dataset.template import special_tokens
from roleplay.dataset.unit import Losses, Voice, plan_units
from roleplay.dialogue import Dialogue, Role, Turn
from roleplay.text import clean

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "mimi",
        "display_name": "Mimi",
        "language": "en",
        "prefixes": [
            {"id": "who", "text": "You are {{char}}."},
            {"id": "scene", "text": "Evening.", "place": "last_user"},
        ],
    }
)
PIECES = ["<|im_end|>", "<|im_start|>", "system\n", "{{char}}", "{{user}}", "\n", "</think>", "«", "🙂", "图书室", "<|"]
SPOKEN = (
    st.lists(st.text(max_size=8) | st.sampled_from(PIECES), min_size=1, max_size=5)
    .map(lambda parts: clean("".join(parts)).strip())
    .filter(bool)
)


@st.composite
def dialogues(draw: st.DrawFn) -> Dialogue:
    texts = draw(st.lists(SPOKEN, min_size=2, max_size=7))
    opens = draw(st.booleans())
    roles: tuple[Role, Role] = ("assistant", "user") if opens else ("user", "assistant")
    return Dialogue(tuple(Turn(roles[i % 2], text) for i, text in enumerate(texts)), "any:1")


VARIANTS = (("who", "scene"), ("who",), ("scene",), ())


@given(dialogue=dialogues(), near=st.booleans())
def test_any_dialogue_passes_the_gate_and_its_answers_are_read_back_from_the_mask(
    chatml: Renderer, dialogue: Dialogue, near: bool
) -> None:
    prefixes = CARD.prefixes if near else CARD.prefixes[:1]
    voice = Voice(CARD, tuple(prefixes), chatml)
    losses = Losses()
    units = plan_units(voice, dialogue, "dialogue", VARIANTS, 4000, losses)

    assert losses == Losses()
    answers = [i for i, turn in enumerate(dialogue.turns) if turn.role == "assistant"]
    behind_a_question = [i for i in answers if i > 0]
    assert len(units) == (max(1, len(behind_a_question)) if near else 1)
    for unit in units:
        for active in VARIANTS:
            sample = build_sample(voice, unit, active, 4000)
            check_sample(voice, unit, active, sample, 4000)
            said = [fill(dialogue.turns[i].text, CARD) for i in unit.answers]
            read = [chatml.tokenizer.decode(sample.ids[begin:end]) for begin, end in sample.spans]
            assert read == [chatml.plain(text) + "<|im_end|>" for text in said]
            assert sample.characters == sum(map(len, said))


@given(texts=st.lists(SPOKEN, min_size=1, max_size=6))
def test_a_prompt_has_one_pair_of_control_tokens_a_turn_whatever_is_said(chatml: Renderer, texts: list[str]) -> None:
    roles: tuple[Role, Role] = ("user", "assistant")
    ids = chatml.prompt_ids([Turn(roles[i % 2], text) for i, text in enumerate(texts)])

    start, end = chatml.tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    special = special_tokens(chatml.tokenizer)
    assert [token for token in ids if token in special] == [start, end] * len(texts) + [start]
