"""What was sent, and where a reply's tokens come from, over a real tiny model."""

import dataclasses
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from roleplay.cards.model import TEMPLATE_DEFAULT, Card
from roleplay.chat.inspection import LookUp, Weigh
from roleplay.chat.open import Opened
from roleplay.chat.question import Ask, Asked, Question
from roleplay.chat.sent import token_texts
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Turn
from roleplay.errors import AdapterError
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import load_adapter
from roleplay.paths import Home
from tests.tiny import load_tiny_base

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "mira",
        "display_name": "Mira",
        "language": "en",
        "prefixes": [
            {"id": "who", "text": "You are {{char}}, a cook at sea."},
            {"id": "storm", "text": "A storm.", "place": "last_user"},
        ],
    }
)
GREEDY = Sampling(temperature=0, max_new_tokens=8)
TURNS = tuple(Turn("user" if i % 2 == 0 else "assistant", f"Number {i}, 汤好了。") for i in range(5))
PERSONA, BASE = LANES["persona+prefix"], LANES["base"]


@pytest.fixture(scope="module")
def opened(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    base = load_tiny_base(folder)
    renderer = make_renderer(base.tokenizer)
    engine = Engine(base, load_adapter(base, folder.parent / "adapter"), [2])
    home = Home(tmp_path_factory.mktemp("home"))
    return Opened(Voice(CARD, card_prefixes(CARD, renderer), renderer), engine, None, "", home)


def question(*turns: Turn, **values: object) -> Question:
    return Question((Ask(PERSONA, ("who", "storm"), 0, turns), Ask(BASE, (), 0, turns)), GREEDY, **values)  # type: ignore[arg-type]


def test_what_is_told_to_be_sent_is_what_is_sent(opened: Opened) -> None:
    asked = question(*TURNS[:3])
    sent = list(opened.look_up(LookUp(asked)))
    answered = [heard for heard in opened.answer(asked) if isinstance(heard, Asked)]

    assert [told.ids for told in sent] == [heard.ids for heard in answered]
    assert [sum(part.tokens for part in told.parts) for told in sent] == [len(told.ids) for told in sent]
    assert [[part.name for part in told.parts] for told in sent] == [
        ["prefix who", "prefix storm", "history", "template"],
        ["history", "template"],
    ]
    assert all(part.tokens > 0 for told in sent for part in told.parts)
    assert sent[0].text.startswith("<|im_start|>system\nYou are Mira, a cook at sea.<|im_end|>")
    assert ["".join(told.tokens) for told in sent] == [told.text for told in sent]
    assert [told.room for told in sent] == [128 - len(told.ids) for told in sent]


def test_a_full_context_tells_how_many_turns_were_left_out(opened: Opened) -> None:
    asked = question(*TURNS, *(Turn("assistant", "Aye."), Turn("user", "Soup? " * 4)))
    persona, base = opened.look_up(LookUp(asked))

    assert persona.left_out > 0
    assert "Number 0" not in persona.text
    assert persona.text.count("You are Mira") == 1, "prefixes stay"
    assert base.left_out <= persona.left_out


def test_tokens_of_a_reply_are_weighed_with_the_adapter_and_without(opened: Opened) -> None:
    reply = "Aye, 汤好了。"
    weighed = opened.weigh(Weigh(question(*TURNS[:1]), reply))
    off = opened.weigh(Weigh(question(*TURNS[:1], strength=0.0), reply))

    assert "".join(token.text for token in weighed.tokens) == reply
    assert all(token.persona < 0 and token.base < 0 for token in weighed.tokens)
    assert any(token.persona != token.base for token in weighed.tokens)
    assert [token.base for token in off.tokens] == [token.persona for token in off.tokens]
    assert [token.base for token in off.tokens] == pytest.approx([token.base for token in weighed.tokens], abs=1e-5)


def test_the_card_a_chat_was_begun_with_is_the_one_that_is_sent(opened: Opened) -> None:
    was = CARD.model_copy(update={"prefixes": [CARD.prefixes[0].model_copy(update={"text": "You are the cat."})]})
    asked = Question((Ask(PERSONA, ("who",), 0, TURNS[:1]),), GREEDY, card=was)

    (sent,) = opened.look_up(LookUp(asked))

    assert "You are the cat." in sent.text
    assert TEMPLATE_DEFAULT not in {prefix.id for prefix in opened.voice.prefixes}


def test_a_reply_goes_on_from_what_was_said(opened: Opened) -> None:
    whole = next(heard for heard in opened.answer(question(*TURNS[:1])) if isinstance(heard, Finished))
    begun = whole.text[: len(whole.text) // 2]
    ask = dataclasses.replace(question(*TURNS[:1]).asks[0], said=begun)
    asked, *_, finished = opened.answer(Question((ask,), GREEDY))

    assert isinstance(asked, Asked)
    assert isinstance(finished, Finished)
    assert opened.voice.renderer.tokenizer.decode(asked.ids).endswith(begun)
    assert finished.text.startswith(begun)


def test_an_adapter_that_is_not_there_is_named(opened: Opened) -> None:
    with pytest.raises(AdapterError, match="mira has no adapter 'gone@best'"):
        list(opened.answer(question(*TURNS[:1], adapter="gone@best")))


@pytest.mark.parametrize("name", ["qwen2", "minimind"])
def test_each_token_of_real_tokenizers_has_its_own_text(name: str, shared: Path) -> None:
    real_tokenizer = AutoTokenizer.from_pretrained(shared / "fixtures" / "tokenizers" / name)
    text = "Well,  I never! 学长，小声一点哦。🐈‍⬛ {x}\n\n  end"
    ids = real_tokenizer(text, add_special_tokens=False)["input_ids"]
    texts = token_texts(real_tokenizer, ids)

    assert len(texts) == len(ids)
    assert "".join(texts) == str(real_tokenizer.decode(ids, clean_up_tokenization_spaces=False))
