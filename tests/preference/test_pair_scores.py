"""How likely both replies of a pair are: against a computation by hand, behind the prompt of a chat."""

import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from roleplay.cards.model import Card
from roleplay.corpora.pairs import Pair
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Turn
from roleplay.errors import ContextFull
from roleplay.preference.pair_scores import PairNats, pair_nats, pair_samples, step
from tests.tiny import tiny_llama

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "pell",
        "display_name": "Pell",
        "user_name": "Tom",
        "language": "en",
        "prefixes": [{"id": "who", "text": "You are {{char}}."}, {"id": "brief", "text": "Be brief."}],
    }
)
HI = Pair((Turn("user", "Hi."),), "Good morning, {{user}}.", "Yes.", "swipe", ("who",))
LONG = tuple(Turn(role, f"{role} says {n}, which is a word.") for n in range(9) for role in ("user", "assistant"))  # type: ignore[arg-type]
LATE = Pair((*LONG, Turn("user", "Bread?")), "Yes, please.", "No bread today, nor tomorrow.", "edit", ("who", "brief"))


@pytest.fixture(scope="module")
def voice(chatml_tokenizer: PreTrainedTokenizerFast) -> Voice:
    return Voice(CARD, tuple(CARD.prefixes), make_renderer(chatml_tokenizer))


@pytest.fixture(scope="module")
def model(chatml_tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    return tiny_llama(chatml_tokenizer)


def by_hand(model: PreTrainedModel, prompt: list[int], reply: list[int]) -> float:
    with torch.no_grad():
        logs = model(torch.tensor([[*prompt, *reply]])).logits[0].double().log_softmax(-1)
    return -sum(float(logs[len(prompt) - 1 + at, token]) for at, token in enumerate(reply))


def test_both_replies_cost_what_they_cost_by_hand(model: PreTrainedModel, voice: Voice) -> None:
    found = pair_nats(model, voice, [HI, LATE], 1000, 0)

    for pair, nats in zip((HI, LATE), found, strict=True):
        prompt = voice.prompt_ids(pair.turns, pair.prefixes)
        chosen, rejected = (voice.answer_ids(text) for text in (pair.chosen, pair.rejected))
        assert nats.chosen_nats == pytest.approx(by_hand(model, prompt, chosen), rel=1e-5)
        assert nats.rejected_nats == pytest.approx(by_hand(model, prompt, rejected), rel=1e-5)
        assert (nats.chosen_tokens, nats.rejected_tokens) == (len(chosen), len(rejected))


def test_a_pair_is_asked_with_its_own_prefixes_and_ends_its_turns(voice: Voice) -> None:
    samples = pair_samples(voice, HI, 1000)

    assert samples is not None
    decoded = voice.renderer.tokenizer.decode(samples[0].ids)
    assert "You are Pell." in decoded
    assert "Be brief." not in decoded
    assert "Good morning, Tom.<|im_end|>" in decoded
    assert samples[0].ids[samples[0].spans[0][1] - 1] == voice.renderer.traits.end_of_turn_id
    assert samples[0].ids[: samples[0].spans[0][0]] == samples[1].ids[: samples[1].spans[0][0]]


def test_the_oldest_turns_leave_until_the_longer_reply_fits(voice: Voice) -> None:
    short, whole = (pair_samples(voice, LATE, limit) for limit in (150, 1000))

    assert short is not None
    assert whole is not None
    text = voice.renderer.tokenizer.decode(short[1].ids)
    assert "You are Pell." in text
    assert "says 0," not in text
    assert "Bread?" in text
    assert max(len(sample.ids) for sample in short) <= 150 < len(whole[0].ids)
    assert short[1].ids[-1] == voice.renderer.traits.end_of_turn_id, "nothing of a reply is cut"


def test_a_question_without_room_for_the_longer_reply_is_no_pair_to_score(model: PreTrainedModel, voice: Voice) -> None:
    prompt = len(voice.prompt_ids(HI.turns, HI.prefixes))
    room = prompt + max(len(voice.answer_ids(text)) for text in (HI.chosen, HI.rejected))

    assert pair_samples(voice, HI, room) is not None
    assert pair_samples(voice, HI, room - 1) is None
    with pytest.raises(ContextFull, match=f"do not fit into {room - 1} tokens; leave this pair out"):
        pair_nats(model, voice, [LATE, HI], room - 1, 0)


@pytest.mark.parametrize(
    ("nats", "right"),
    [(PairNats(4, 4, 6, 4), 1), (PairNats(6, 4, 4, 4), 0), (PairNats(4, 4, 4, 4), 0.5), (PairNats(6, 6, 4, 2), 1)],
    ids=["likelier", "less likely", "as likely", "longer and likelier per token"],
)
def test_the_better_reply_is_to_be_likelier_per_token(nats: PairNats, right: float) -> None:
    assert nats.right == right


def test_the_margin_is_what_the_better_reply_gained_more_than_the_worse() -> None:
    before, after = PairNats(10, 4, 8, 4), PairNats(7, 4, 9, 4)

    assert after.margin(before) == 3 - -1
    assert before.margin(after) == -4
    assert [step(number) for number in (0.1, 0, -0.1)] == [1, 0.5, 0]
