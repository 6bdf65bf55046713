from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.model import Card
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import Sample, build_sample, check_sample
from roleplay.dataset.unit import Losses, Unit, Voice, fit_start, needs_prefixes, plan_units
from roleplay.dialogue import Dialogue, Turn

Painter = Callable[[Renderer, Sample], str]
CARD = {"schema": 1, "name": "mimi", "display_name": "Mimi", "language": "en"}


def voice_of(renderer: Renderer, *prefixes: dict[str, object]) -> Voice:
    card = Card.model_validate(CARD | {"prefixes": list(prefixes)})
    return Voice(card, tuple(card.prefixes), renderer)


def talk(*texts: str, first: str = "user") -> Dialogue:
    roles = ("user", "assistant") if first == "user" else ("assistant", "user")
    return Dialogue(tuple(Turn(roles[i % 2], text) for i, text in enumerate(texts)), "talk.yaml:1")  # type: ignore[arg-type]


def told(system: str, dialogue: Dialogue) -> Dialogue:
    """The dialogue behind a system turn of its own."""
    return Dialogue((Turn("system", system), *dialogue.turns), dialogue.source)


def drawn(unit: Unit) -> str:
    """A unit as its module's docstring draws it: turns from its start to its last answer, trained ones capital."""
    signs = ["." * unit.start]
    for i in range(unit.start, unit.answers[-1] + 1):
        sign = unit.dialogue.turns[i].role[0]
        signs.append(sign.upper() if i in unit.answers else sign)
    return "".join(signs)


def plan(
    voice: Voice, dialogue: Dialogue, limit: int, variants: tuple[tuple[str, ...], ...] = ((),)
) -> tuple[list[Unit], Losses]:
    losses = Losses()
    return plan_units(voice, dialogue, "dialogue", variants, limit, losses), losses


def test_all_answers_of_a_dialogue_that_fits_share_one_sequence(chatml: Renderer) -> None:
    units, losses = plan(voice_of(chatml), talk("a", "b", "c", "d", "e", "f"), 400)

    assert [drawn(unit) for unit in units] == ["uAuAuA"]
    assert losses == Losses()


def test_a_trailing_question_is_not_rendered(chatml: Renderer) -> None:
    units, _ = plan(voice_of(chatml), talk("a", "b", "c"), 400)

    assert [drawn(unit) for unit in units] == ["uA"]


def test_an_opening_is_trained_where_the_template_takes_it_and_context_where_not(
    renderer_of: Callable[[str], Renderer],
) -> None:
    dialogue = talk("g", "a", "b", first="assistant")

    units, losses = plan(voice_of(renderer_of("chatml")), dialogue, 400)
    assert ([drawn(unit) for unit in units], losses.dropped) == (["AuA"], 0)

    units, losses = plan(voice_of(renderer_of("alternating")), dialogue, 400)
    assert ([drawn(unit) for unit in units], losses.dropped) == (["auA"], 1)

    units, losses = plan(voice_of(renderer_of("alternating")), talk("g", first="assistant"), 400)
    assert (units, losses.dropped) == ([], 1)


def test_an_opening_needs_every_choice_of_prefixes_to_be_renderable(renderer_of: Callable[[str], Renderer]) -> None:
    voice = voice_of(renderer_of("default-system"), {"id": "who", "text": "You are Mimi."})
    opening = talk("g", first="assistant")

    assert len(plan(voice, opening, 400, (("who",),))[0]) == 1
    assert plan(voice, opening, 400, (("who",), ()))[0] == []


def test_an_opening_that_only_prefixes_can_bring_about_is_a_unit_of_its_own(
    renderer_of: Callable[[str], Renderer],
) -> None:
    who = {"id": "who", "text": "You are Mimi."}
    for family, alone in (("default-system", True), ("chatml", False)):
        voice = voice_of(renderer_of(family), who)
        units, losses = plan(voice, talk("g", "a", "b", "c", "d", first="assistant"), 400, (("who",),))
        assert [drawn(unit) for unit in units] == (["A", "auAuA"] if alone else ["AuAuA"])
        assert [needs_prefixes(voice, unit) for unit in units] == ([True, False] if alone else [False])
        assert losses == Losses()
        for unit in units:
            for active in (("who",), ()):
                if active or not needs_prefixes(voice, unit):
                    check_sample(voice, unit, active, build_sample(voice, unit, active, 400), 400)


@pytest.mark.parametrize("family", ["thinking", "instruct", "spoken"])
def test_templates_that_rewrite_earlier_turns_give_each_answer_a_sequence(
    renderer_of: Callable[[str], Renderer], family: str
) -> None:
    units, losses = plan(voice_of(renderer_of(family)), talk("a", "b", "c", "d", "e", "f"), 400)

    assert [drawn(unit) for unit in units] == ["uA", "uauA", "uauauA"]
    assert losses == Losses()


def test_a_prefix_near_the_last_user_turn_gives_each_answer_a_sequence(chatml: Renderer, painted: Painter) -> None:
    voice = voice_of(chatml, {"id": "scene", "text": "(Evening.)", "place": "last_user"})
    units, _ = plan(voice, talk("a", "b", "c", "d"), 400, (("scene",), ()))

    assert [painted(chatml, build_sample(voice, unit, ("scene",), 400)) for unit in units] == [
        "<|im_start|>user\n(Evening.)\n\na<|im_end|>\n<|im_start|>assistant\n«b<|im_end|>»",
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n"
        "<|im_start|>user\n(Evening.)\n\nc<|im_end|>\n<|im_start|>assistant\n«d<|im_end|>»",
    ]
    for unit in units:
        for active in (("scene",), ()):
            check_sample(voice, unit, active, build_sample(voice, unit, active, 400), 400)


def tokens(voice: Voice, dialogue: Dialogue) -> int:
    """Tokens of a question and its answer."""
    return len(voice.prompt_ids(dialogue.turns[:3], ())) - len(voice.prompt_ids(dialogue.turns[:1], ()))


def test_a_long_dialogue_is_split_with_half_a_window_of_context(chatml: Renderer) -> None:
    voice = voice_of(chatml)
    dialogue = talk(*(f"{'question' if i % 2 == 0 else 'answer'} {i:02d}" for i in range(24)))
    pair = tokens(voice, dialogue)

    units, losses = plan(voice, dialogue, limit=6 * pair)

    assert [drawn(unit) for unit in units] == [
        "uAuAuAuAuAuA",
        "........uauauAuAuAuA",
        "................uauauAuA",
    ]
    assert [answer for unit in units for answer in unit.answers] == list(range(1, 24, 2))
    assert (losses.dropped, losses.end_lost) == (0, 0)
    assert losses.cut == sum(len(unit.answers) for unit in units if unit.start)


def test_every_piece_of_a_long_dialogue_begins_with_its_own_system_turn(chatml: Renderer, painted: Painter) -> None:
    voice = voice_of(chatml)
    dialogue = told("Be brief.", talk("a", "b", "c", "d", "e", "f"))
    limit = len(voice.prompt_ids(dialogue.turns[:4], ())) + len(voice.answer_ids("d")) - 1

    units, losses = plan(voice, dialogue, limit)

    assert [drawn(unit) for unit in units] == ["suA", "...uA", ".....uA"]
    assert losses == Losses(cut=2)
    head = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
    for unit, (asked, answer) in zip(units, ("ab", "cd", "ef"), strict=True):
        sample = build_sample(voice, unit, (), limit)
        text = f"{head}{asked}<|im_end|>\n<|im_start|>assistant\n«{answer}<|im_end|>»"
        assert painted(chatml, sample) == text
        check_sample(voice, unit, (), sample, limit)


def test_a_system_turn_that_leaves_no_room_for_the_first_question_is_not_parted_from_it(chatml: Renderer) -> None:
    voice = voice_of(chatml)
    dialogue = told("Be brief. " * 5, talk("a", "b"))
    limit = len(voice.prompt_ids(dialogue.turns[:2], ()))

    assert fit_start(voice, dialogue.turns[:2], 0, reserve=10, active=(), limit=limit) == 0
    assert plan(voice, dialogue, limit) == ([], Losses(dropped=1))
    assert plan(voice, dialogue, limit + 1)[1] == Losses(cut=1, end_lost=1)


def test_the_head_of_a_piece_stays_while_answers_fit(chatml: Renderer) -> None:
    voice = voice_of(chatml)
    dialogue = talk(*(f"turn {i:02d}" for i in range(40)))
    units, _ = plan(voice, dialogue, limit=6 * tokens(voice, dialogue))

    starts = [unit.start for unit in units]
    assert starts == sorted(set(starts))
    for unit in units[1:]:
        assert dialogue.turns[unit.start].role == "user"
        assert unit.start < unit.answers[0] - 1
        first = voice.prompt_ids(dialogue.turns[unit.start : unit.answers[0]], ())
        assert len(first) <= 3 * tokens(voice, dialogue)


def test_an_answer_longer_than_the_limit_is_cut_and_counted(chatml: Renderer, painted: Painter) -> None:
    voice = voice_of(chatml)
    dialogue = talk("a", "0123456789" * 5, "c", "d")
    limit = len(voice.prompt_ids(dialogue.turns[:1], ())) + 10

    units, losses = plan(voice, dialogue, limit)
    samples = [build_sample(voice, unit, (), limit) for unit in units]

    assert [painted(chatml, sample) for sample in samples] == [
        "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n«0123456789»",
        "<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n«d<|im_end|>»",
    ]
    assert [len(sample.ids) for sample in samples] == [limit, limit - 8]
    assert losses == Losses(dropped=0, cut=2, end_lost=1)
    for unit, sample in zip(units, samples, strict=True):
        check_sample(voice, unit, (), sample, limit)


def test_an_answer_that_fills_the_limit_to_the_last_token_is_whole(chatml: Renderer) -> None:
    voice = voice_of(chatml)
    dialogue = talk("a", "0123456789")
    whole = len(voice.prompt_ids(dialogue.turns[:1], ())) + len(voice.answer_ids("0123456789"))

    assert plan(voice, dialogue, whole)[1] == Losses()
    assert plan(voice, dialogue, whole - 1)[1] == Losses(cut=1, end_lost=1)


def test_an_answer_whose_question_alone_fills_the_limit_is_dropped_and_counted(chatml: Renderer) -> None:
    voice = voice_of(chatml)
    dialogue = talk("a", "b", "0123456789" * 20, "d", "e", "f")
    limit = len(voice.prompt_ids(dialogue.turns[:1], ())) + 30

    units, losses = plan(voice, dialogue, limit)

    assert [drawn(unit) for unit in units] == ["uA", "....uA"]
    assert (losses.dropped, losses.end_lost) == (1, 0)


def test_lengths_are_those_of_the_longest_choice_of_prefixes(chatml: Renderer) -> None:
    voice = voice_of(chatml, {"id": "who", "text": "You are Mimi. " * 5})
    dialogue = talk("a", "b", "c", "d")
    limit = len(voice.prompt_ids(dialogue.turns[:3], ())) + 10

    assert [drawn(unit) for unit in plan(voice, dialogue, limit)[0]] == ["uAuA"]
    units, losses = plan(voice, dialogue, limit, (("who",), ()))
    assert (units, losses.dropped) == ([], 2)


@pytest.mark.parametrize(
    ("limit_in_pairs", "expected"),
    [(20, 0), (11, 0), (10, 12), (9, 12), (4, 18), (1, 18)],
)
def test_history_begins_at_the_first_user_turn_that_leaves_half_the_limit(
    chatml: Renderer, limit_in_pairs: int, expected: int
) -> None:
    voice = voice_of(chatml)
    dialogue = talk(*(f"turn {i:02d}" for i in range(20)))
    pair = tokens(voice, dialogue)
    turns = dialogue.turns[:19]

    start = fit_start(voice, turns, 0, reserve=pair // 2, active=(), limit=limit_in_pairs * pair)

    assert turns[start].role == "user"
    assert start == expected


def test_history_stays_whole_while_it_fits_to_the_last_token(chatml: Renderer) -> None:
    voice = voice_of(chatml)
    turns = talk("a", "b", "c", "d", "e").turns
    whole = len(voice.prompt_ids(turns, ()))

    assert fit_start(voice, turns, 0, reserve=10, active=(), limit=whole + 10) == 0
    assert fit_start(voice, turns, 0, reserve=10, active=(), limit=whole + 9) > 0
    assert fit_start(voice, turns[:1], 0, reserve=10, active=(), limit=5) == 0


def test_a_unit_is_named_by_its_dialogue_and_place() -> None:
    dialogue = talk("a", "b", "c", "d")
    units = [Unit(dialogue, 0, (1, 3), "desc"), Unit(dialogue, 0, (3,), "desc"), Unit(dialogue, 2, (3,), "desc")]

    assert len({unit.identity for unit in units}) == 3
    assert units[0].identity == f"{dialogue.identity}/0/1"


LENGTHS = st.lists(st.integers(1, 60), min_size=2, max_size=14)


@given(
    lengths=LENGTHS,
    limit=st.integers(8, 160),
    opens=st.booleans(),
    system=st.booleans(),
    prefix=st.sampled_from(["system", "last_user"]),
)
def test_every_answer_is_trained_once_or_counted_as_dropped(
    chatml: Renderer, lengths: list[int], limit: int, opens: bool, system: bool, prefix: str
) -> None:
    voice = voice_of(chatml, {"id": "who", "text": "You are Mimi.", "place": prefix})
    dialogue = talk(*("x" * length for length in lengths), first="assistant" if opens else "user")
    dialogue = told("Be brief.", dialogue) if system else dialogue
    variants = ((),) if system else (("who",), ())

    units, losses = plan(voice, dialogue, limit, variants)

    trained = [answer for unit in units for answer in unit.answers]
    answers = [i for i, turn in enumerate(dialogue.turns) if turn.role == "assistant"]
    assert trained == sorted(set(trained))
    assert set(trained) <= set(answers)
    assert len(trained) + losses.dropped == len(answers)
    assert losses.end_lost <= losses.cut <= len(trained)
    lost = 0
    for unit in units:
        assert unit.start <= unit.answers[0]
        for active in variants:
            sample = build_sample(voice, unit, active, limit)
            assert len(sample.ids) <= limit
            check_sample(voice, unit, active, sample, limit)
            lost += active == variants[0] and sample.ids[-1] != chatml.traits.end_of_turn_id
    assert lost == losses.end_lost
