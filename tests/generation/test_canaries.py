"""What an adapter answers word for word is kept, read with care, and found again only where it is answered alike."""

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from roleplay.cards.model import Card
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import AdapterError, BaseModelError, ContextFull
from roleplay.generation.canaries import MOST_TOKENS, Canaries, canaries_bytes, read_canaries
from roleplay.generation.canary_check import (
    EXACT,
    ROUNDED,
    adapter_hash,
    canary_texts,
    check_canaries,
    make_canaries,
)
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import LANES
from roleplay.generation.replies import reply_to
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import load_adapter
from roleplay.text import clean
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base

TEXTS = ["Good morning, Mimi.", "小声一点", "Who are you, {{char}}?"]
PROBE = {"accept": ["a"]}
CARD: dict[str, Any] = {
    "schema": 1,
    "name": "mimi",
    "display_name": "Mimi",
    "language": "en",
    "prefixes": [
        {"id": "who", "text": "You are {{char}}."},
        {"id": "off", "text": "A secret.", "default": False},
        {"id": "near", "text": "Be brief.", "place": "last_user"},
    ],
}


def voice_of(engine: Engine, **changes: Any) -> Voice:
    card, renderer = Card.model_validate(CARD | changes), make_renderer(engine.base.tokenizer)
    return Voice(card, card_prefixes(card, renderer), renderer)


@pytest.fixture
def canaries(engine: Engine) -> Canaries:
    return make_canaries(engine, voice_of(engine), TEXTS, "0" * 64)


@pytest.fixture(scope="session")
def other_base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base of other weights; beside it, in `adapter`, the adapter of the first one."""
    folder = save_tiny_base(tmp_path_factory.mktemp("other") / "base", chatml_tokenizer, seed=1)
    save_tiny_adapter(folder, folder.parent / "adapter")
    return folder


def test_the_kept_replies_are_the_greedy_ones_of_chat_with_how_likely_each_token_was(
    engine: Engine, canaries: Canaries
) -> None:
    lanes, sampling = list(LANES.values()), Sampling(temperature=0, max_new_tokens=MOST_TOKENS)
    decode = engine.base.tokenizer.decode

    for canary in canaries.canaries:
        kept = [canary.lanes[name] for name in LANES]
        heard = reply_to(engine, lanes, [one.prompt for one in kept], sampling)
        scores = engine.score(lanes, [one.prompt for one in kept], [one.tokens for one in kept])
        for one, said, score in zip(kept, heard, scores, strict=True):
            assert len(one.tokens) == said.tokens
            assert clean(decode(one.tokens, skip_special_tokens=True)) == said.text
            assert (one.tokens[-1] in engine.end_ids) == (said.stopped == "end")
            assert one.log_probabilities == pytest.approx(score, abs=1e-4)
    assert len({tuple(one.tokens) for canary in canaries.canaries for one in canary.lanes.values()}) > 6


def test_a_reply_that_ends_is_kept_to_its_end(engine: Engine) -> None:
    free = make_canaries(engine, voice_of(engine), TEXTS[:1], "0" * 64).canaries[0].lanes["base"]
    end = free.tokens[3]
    engine.end_ids = [end]

    found = make_canaries(engine, voice_of(engine), TEXTS[:1], "0" * 64).canaries[0].lanes["base"]

    assert found.tokens == free.tokens[: free.tokens.index(end) + 1]
    assert found.log_probabilities == free.log_probabilities[: len(found.tokens)]


def test_prompts_are_those_of_chat_with_the_prefixes_of_a_new_chat(engine: Engine, canaries: Canaries) -> None:
    voice = voice_of(engine)
    asked = canaries.canaries[0]
    assert canaries.prefixes == ["who", "near"]
    for name, lane in LANES.items():
        active = ["who", "near"] if lane.prefix else []
        assert asked.lanes[name].prompt == voice.prompt_ids([Turn("user", TEXTS[0])], active)
    text = engine.base.tokenizer.decode(asked.lanes["base+prefix"].prompt)
    assert "You are Mimi." in text
    assert "Be brief.\n\nGood morning" in text
    assert "secret" not in text


def test_made_twice_they_are_the_same_bytes_whatever_was_asked_between(engine: Engine, canaries: Canaries) -> None:
    reply_to(engine, [LANES["persona"]], [canaries.canaries[0].lanes["persona"].prompt], Sampling(max_new_tokens=5))

    again = make_canaries(engine, voice_of(engine), TEXTS, "0" * 64)

    assert canaries_bytes(again) == canaries_bytes(canaries)


def test_what_is_written_is_read_again(tmp_path: Path, canaries: Canaries) -> None:
    (tmp_path / "canaries.json").write_bytes(canaries_bytes(canaries))
    assert read_canaries(tmp_path / "canaries.json") == canaries


def test_the_hash_of_an_adapter_is_that_of_its_file_of_weights(folder: Path) -> None:
    adapter = folder.parent / "adapter"
    data = (adapter / "adapter_model.safetensors").read_bytes()
    assert adapter_hash(adapter) == hashlib.sha256(data).hexdigest()


def test_the_same_adapter_on_the_same_base_reproduces_in_any_order_of_canaries(
    folder: Path, canaries: Canaries
) -> None:
    base = load_tiny_base(folder)
    engine = Engine(base, load_adapter(base, folder.parent / "adapter"), [2])
    for part in (canaries.canaries, canaries.canaries[::-1], canaries.canaries[:1]):
        verdict = check_canaries(engine, voice_of(engine), canaries.model_copy(update={"canaries": part}))

        total = sum(len(one.tokens) for canary in part for one in canary.lanes.values())
        assert verdict.reproduces
        assert (verdict.tokens_same, verdict.tokens) == (total, total)
        assert verdict.largest_difference is not None
        assert verdict.largest_difference < 1e-4
        assert list(verdict.by_lane) == list(LANES)
        assert sum(tally.tokens for tally in verdict.by_lane.values()) == total
        assert verdict.sentence.startswith(f"reproduces: {total} of {total} tokens, log-probabilities within 0.0000")


def zeroed(name: str, weight: torch.Tensor) -> None:
    if "lora_B" in name:
        weight.zero_()


def another(name: str, weight: torch.Tensor) -> None:
    if "lora_" in name:
        weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(len(name)))


@pytest.mark.parametrize("change", [zeroed, another])
def test_another_adapter_differs_in_its_own_lanes_alone(
    engine: Engine, canaries: Canaries, change: Callable[[str, torch.Tensor], None]
) -> None:
    with torch.no_grad():
        for name, weight in engine.tuned.named_parameters():  # type: ignore[union-attr]
            change(name, weight)

    verdict = check_canaries(engine, voice_of(engine), canaries)

    assert not verdict.reproduces
    for lane, tally in verdict.by_lane.items():
        assert tally.largest_difference is not None
        assert (tally.largest_difference > 0.1) == lane.startswith("persona")
        assert (tally.tokens_same == tally.tokens) == lane.startswith("base")
    assert verdict.tokens_same < verdict.tokens
    assert verdict.sentence.startswith(f"differs: {verdict.tokens_same} of {verdict.tokens} tokens the same, ")
    assert verdict.sentence.endswith("off, in persona+prefix, persona; the adapter's lanes alone differ")


def test_another_base_differs_in_the_base_lanes_too(other_base: Path, canaries: Canaries) -> None:
    base = load_tiny_base(other_base)
    engine = Engine(base, load_adapter(base, other_base.parent / "adapter"), [2])

    verdict = check_canaries(engine, voice_of(engine), canaries)

    assert not verdict.reproduces
    assert all(tally.tokens_same < tally.tokens for tally in verdict.by_lane.values())
    assert verdict.sentence.endswith(
        "persona+prefix, base+prefix, persona, base; base lanes too, so the base is another"
    )


def test_another_number_format_is_allowed_more_and_named_where_it_is_not_enough(
    engine: Engine, canaries: Canaries
) -> None:
    moved = edited(canaries, lambda lane: lane.update(log_probabilities=[x - 0.01 for x in lane["log_probabilities"]]))
    rounded = moved.model_copy(update={"dtype": "bfloat16"})
    quantised = moved.model_copy(update={"quant": "nf4"})
    far = edited(canaries, lambda lane: lane.update(log_probabilities=[x - 0.5 for x in lane["log_probabilities"]]))
    voice = voice_of(engine)
    assert EXACT < 0.01 < ROUNDED < 0.5

    assert not check_canaries(engine, voice, moved).reproduces
    assert check_canaries(engine, voice, rounded).reproduces
    assert check_canaries(engine, voice, quantised).reproduces
    told = check_canaries(engine, voice, far.model_copy(update={"quant": "nf4", "device": "cuda"})).sentence
    assert told.endswith(" (made in float32 kept in nf4 on cuda, run here in float32 on cpu)")


@pytest.mark.parametrize(("lead", "same"), [(EXACT / 2, True), (EXACT * 3, False)])
def test_two_tokens_as_likely_as_each_other_are_the_same(engine: Engine, lead: float, same: bool) -> None:
    """Where the likeliest leads by less than the tolerance, another machine may choose the other one."""
    voice = voice_of(engine)
    made = make_canaries(engine, voice, TEXTS[:1], "0" * 64)
    first = made.canaries[0].lanes["base"].tokens[0]
    second, head = (first + 7) % 300, engine.base.model.get_output_embeddings()
    with torch.no_grad():  # from now on `second` is as likely as `first`, wherever
        head.weight[second] = head.weight[first]
    prompt = made.canaries[0].lanes["base"].prompt
    log = engine.score([LANES["base"]], [prompt], [[second]])[0][0]
    value = made.model_dump(by_alias=True)
    value["canaries"][0]["lanes"]["base"] = {"prompt": prompt, "tokens": [second], "log_probabilities": [log]}

    def lean(model: object, given: object, output: Any) -> None:
        output.logits[..., first] += lead

    engine.base.model.register_forward_hook(lean)

    tally = check_canaries(engine, voice, Canaries.model_validate(value)).by_lane["base"]

    assert (tally.tokens_same, tally.tokens) == (int(same), 1)


def test_after_one_early_difference_the_rest_is_held_against_what_was_kept(engine: Engine, canaries: Canaries) -> None:
    voice = voice_of(engine)
    value = canaries.model_copy(update={"canaries": canaries.canaries[:1]}).model_dump(by_alias=True)
    lane = value["canaries"][0]["lanes"]["base"]
    lane["tokens"][0] = (lane["tokens"][0] + 1) % 300
    lane["log_probabilities"] = engine.score([LANES["base"]], [lane["prompt"]], [lane["tokens"]])[0]

    verdict = check_canaries(engine, voice, Canaries.model_validate(value))

    assert not verdict.reproduces
    assert verdict.by_lane["base"].largest_difference == pytest.approx(0, abs=1e-4)
    assert verdict.by_lane["base"].tokens_same < verdict.by_lane["base"].tokens


def test_a_changed_prefix_is_told_as_a_prompt_that_is_rendered_otherwise(engine: Engine, canaries: Canaries) -> None:
    voice = voice_of(engine, prefixes=[{"id": "who", "text": "You are a mole."}, *CARD["prefixes"][1:]])
    calls = engine.base.model.register_forward_hook(lambda *args: pytest.fail("computed all the same"))

    verdict = check_canaries(engine, voice, canaries)

    calls.remove()
    assert (verdict.reproduces, verdict.tokens_same, verdict.largest_difference, verdict.by_lane) == (
        False,
        0,
        None,
        {},
    )
    assert verdict.sentence == (
        "differs: the prompt is rendered otherwise in persona+prefix, base+prefix, as for 'Good morning, Mimi.'"
    )


def test_a_template_that_writes_the_date_is_asked_what_was_kept(engine: Engine, canaries: Canaries) -> None:
    template = engine.base.tokenizer.chat_template
    engine.base.tokenizer.chat_template = '{{ strftime_now("%Y") }}' + template

    assert check_canaries(engine, voice_of(engine), canaries).reproduces


def test_a_person_decides_which_adapter_is_checked(folder: Path, engine: Engine, canaries: Canaries) -> None:
    save_tiny_adapter(folder, folder.parent / "second", seed=5)
    engine.attach("other", folder.parent / "second")
    engine.chosen = "other"

    assert not check_canaries(engine, voice_of(engine), canaries).reproduces
    engine.chosen = ""
    assert check_canaries(engine, voice_of(engine), canaries).reproduces


def test_without_an_adapter_nothing_can_be_made(bare: Engine) -> None:
    with pytest.raises(BaseModelError, match="needs an adapter"):
        make_canaries(bare, voice_of(bare), TEXTS, "0" * 64)


def test_an_adapter_that_makes_no_numbers_has_no_canaries_and_reproduces_none(
    engine: Engine, canaries: Canaries
) -> None:
    with torch.no_grad():
        for name, weight in engine.tuned.named_parameters():  # type: ignore[union-attr]
            if "lora_B" in name:
                weight.fill_(torch.nan)

    with pytest.raises(AdapterError, match="computes no numbers any more"):
        make_canaries(engine, voice_of(engine), TEXTS, "0" * 64)
    verdict = check_canaries(engine, voice_of(engine), canaries)
    assert not verdict.reproduces
    assert verdict.by_lane["persona"].tokens_same == 0
    assert verdict.largest_difference == math.inf


def test_texts_that_leave_no_room_are_left_out_and_told_where_none_is_left(engine: Engine) -> None:
    voice, long = voice_of(engine), "moles " * 200
    made = make_canaries(engine, voice, [long, TEXTS[0], TEXTS[0]], "0" * 64)
    assert [canary.text for canary in made.canaries] == TEXTS[:1]
    with pytest.raises(ContextFull, match=r"a prompt of \d+ tokens and a reply of 24 are more than the 512"):
        make_canaries(engine, voice, [long], "0" * 64)


def test_ids_that_the_base_has_not_are_told(engine: Engine, canaries: Canaries) -> None:
    wild = edited(canaries, lambda lane: lane.update(tokens=[5000], log_probabilities=[-1.0]))
    with pytest.raises(AdapterError, match="name the token 5000, and the base has 340"):
        check_canaries(engine, voice_of(engine), wild)


def edited(canaries: Canaries, change: Callable[[dict[str, Any]], None]) -> Canaries:
    """The canaries with every lane changed."""
    value = canaries.model_dump(by_alias=True)
    for canary in value["canaries"]:
        for lane in canary["lanes"].values():
            change(lane)
    return Canaries.model_validate(value)


def talk(*texts: str, first: str = "user") -> Dialogue:
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return Dialogue(tuple(Turn(roles[i % 2], text) for i, text in enumerate(texts)), "")  # type: ignore[arg-type]


def test_two_beginnings_of_dialogues_and_a_probe_of_each_kind_are_asked() -> None:
    probes = {
        "identity": [{"question": "Who is {{char}}?"} | PROBE, {"question": "Age?"} | PROBE],
        "out_of_world": [{"question": "Python?"} | PROBE],
    }
    card = Card.model_validate(CARD | {"probes": probes})
    dialogues = [talk(f"Hello {i}, {{{{char}}}}.", "Yes.") for i in range(20)]
    dialogues += [talk("Wait!", "What?", first="assistant"), talk("x" * 400, "y")]

    texts = canary_texts(card, dialogues)

    assert len(texts) == 4
    assert set(texts[:2]) < {f"Hello {i}, Mimi." for i in range(20)}
    assert texts[2:] == ["Who is Mimi?", "Python?"]
    assert canary_texts(card, dialogues[::-1]) == texts
    assert texts[:2] != [f"Hello {i}, Mimi." for i in range(2)]


@pytest.mark.parametrize(
    ("language", "greeting"), [("zh", "你好"), ("zh-Hant", "你好"), ("en", "Hello"), ("fr", "Hello")]
)
def test_where_a_card_has_nothing_to_ask_it_is_greeted(language: str, greeting: str) -> None:
    card = Card.model_validate(CARD | {"language": language})
    assert canary_texts(card, []) == [greeting]
    assert canary_texts(card, [talk("Wait!", "What?", first="assistant"), talk("x" * 400, "y")]) == [greeting]


def _lane(change: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    return lambda value: value["canaries"][0]["lanes"]["base"].update(change)


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "unknown key": (lambda v: v.update(more=1), "more: Extra inputs"),
    "unknown key of a canary": (lambda v: v["canaries"][0].update(run="x"), "canaries.0.run: Extra"),
    "unknown key of a lane": (_lane({"run": "x"}), "lanes.base.run: Extra"),
    "later version": (lambda v: v.update(schema=2), "schema: Input should be 1"),
    "no hash": (lambda v: v.update(adapter="0" * 63), "adapter: String should match"),
    "other dtype": (lambda v: v.update(dtype="int4"), "dtype: Input should be"),
    "other quant": (lambda v: v.update(quant="gptq"), "quant: Input should be"),
    "other device": (lambda v: v.update(device="mps"), "device: Input should be"),
    "a prefix that is no name": (lambda v: v.update(prefixes=["a/b"]), "prefixes.0: String should match"),
    "many prefixes": (lambda v: v.update(prefixes=["a"] * 201), "prefixes: List should have at most"),
    "no canary": (lambda v: v.update(canaries=[]), "canaries: List should have at least"),
    "many canaries": (lambda v: v.update(canaries=v["canaries"] * 9), "canaries: List should have at most"),
    "no text": (lambda v: v["canaries"][0].update(text=""), "text: String should have at least"),
    "long text": (lambda v: v["canaries"][0].update(text="x" * 2001), "text: String should have at most"),
    "control characters": (lambda v: v["canaries"][0].update(text="\x1b]0;x\x07"), "text holds control characters"),
    "a lane missing": (lambda v: v["canaries"][0]["lanes"].pop("base"), "lanes are persona"),
    "a lane too many": (lambda v: v["canaries"][0]["lanes"].update(x=v["canaries"][0]["lanes"]["base"]), "lanes are"),
    "no prompt": (_lane({"prompt": []}), "prompt: List should have at least"),
    "an id that is text": (_lane({"prompt": ["7"]}), "prompt.0: Input should be a valid int"),
    "an id below zero": (_lane({"prompt": [-1]}), "prompt.0: Input should be greater"),
    "an id beyond all": (_lane({"prompt": [2**31]}), "prompt.0: Input should be less"),
    "an id that is a number": (_lane({"prompt": [1.5]}), "prompt.0: Input should be a valid int"),
    "no tokens": (_lane({"tokens": [], "log_probabilities": []}), "tokens: List should have at least"),
    "many tokens": (_lane({"tokens": [1] * 25, "log_probabilities": [-1.0] * 25}), "tokens: List should have at most"),
    "a probability missing": (_lane({"tokens": [1, 2], "log_probabilities": [-1.0]}), "2 tokens and 1 log-prob"),
    "no number": (_lane({"tokens": [1], "log_probabilities": [math.nan]}), "log_probabilities.0: Input should be"),
    "endless": (_lane({"tokens": [1], "log_probabilities": [-math.inf]}), "log_probabilities.0: Input should be"),
    "above one": (_lane({"tokens": [1], "log_probabilities": [0.5]}), "log_probabilities.0: Input should be less"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_with_its_place(damage: str, tmp_path: Path, canaries: Canaries) -> None:
    change, told = DAMAGES[damage]
    value = json.loads(canaries_bytes(canaries))
    change(value)
    (tmp_path / "canaries.json").write_text(json.dumps(value))
    with pytest.raises(AdapterError) as error:
        read_canaries(tmp_path / "canaries.json")
    assert "canaries.json is damaged, or of a later roleplay: " in str(error.value)
    assert told in str(error.value)
    assert str(error.value).endswith("; get it again, or remove it to do without this check")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"schema": 1' + b"0" * 5000 + b"}", b"\x1b[31m"],
    ids=["empty", "cut", "null", "list", "bytes", "deep", "huge number", "escape"],
)
def test_what_is_no_such_file_is_one_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "canaries.json").write_bytes(data)
    with pytest.raises(AdapterError, match=r"canaries\.json is damaged") as error:
        read_canaries(tmp_path / "canaries.json")
    assert "\x1b" not in str(error.value)


def test_a_file_too_long_or_missing_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "canaries.json").write_bytes(b" " * (2**20 + 1))
    with pytest.raises(AdapterError, match="has more than 1,048,576 bytes"):
        read_canaries(tmp_path / "canaries.json")
    with pytest.raises(AdapterError, match="cannot be read"):
        read_canaries(tmp_path / "none.json")
