import itertools

import pytest

from roleplay.cards.model import Card
from roleplay.cards.prompt import assemble, default_prefixes, fill, switch
from roleplay.dialogue import Turn
from roleplay.errors import UsageError

CARD = Card.model_validate(
    {
        "schema": 1,
        "name": "yui",
        "display_name": "结衣",
        "user_name": "学长",
        "language": "zh",
        "prefixes": [
            {"id": "who", "text": "你是{{char}}。\n"},
            {"id": "manner", "text": "{{ USER }}在旁边，{{Char}}说话很轻。", "default": False},
            {"id": "scene", "text": "放学以后。", "place": "last_user"},
            {"id": "mood", "text": "{{char}}有点困。", "place": "last_user", "default": False},
        ],
    }
)
TALK = (
    Turn("assistant", "{{user}}，门不用关。"),
    Turn("user", "在看什么？"),
    Turn("assistant", "绘本。"),
    Turn("user", "{{char}}喜欢吗？"),
)


def messages(active: list[str], turns: tuple[Turn, ...] = TALK) -> str:
    return "\n".join(f"{turn.role}: {turn.text!r}" for turn in assemble(CARD, CARD.prefixes, active, turns))


PLAIN = """\
assistant: '学长，门不用关。'
user: '在看什么？'
assistant: '绘本。'
user: '结衣喜欢吗？'"""


@pytest.mark.parametrize(
    ("active", "expected"),
    [
        ([], PLAIN),
        (["who"], "system: '你是结衣。'\n" + PLAIN),
        (["manner"], "system: '学长在旁边，结衣说话很轻。'\n" + PLAIN),
        (["manner", "who"], "system: '你是结衣。\\n\\n学长在旁边，结衣说话很轻。'\n" + PLAIN),
        (["scene"], PLAIN.replace("'结衣喜欢吗？'", "'放学以后。\\n\\n结衣喜欢吗？'")),
        (["mood", "scene"], PLAIN.replace("'结衣喜欢吗？'", "'放学以后。\\n\\n结衣有点困。\\n\\n结衣喜欢吗？'")),
        (
            ["scene", "who"],
            "system: '你是结衣。'\n" + PLAIN.replace("'结衣喜欢吗？'", "'放学以后。\\n\\n结衣喜欢吗？'"),
        ),
        (["unknown"], PLAIN),
    ],
)
def test_the_messages_of_a_prompt(active: list[str], expected: str) -> None:
    assert messages(active) == expected


def test_the_order_of_switching_on_does_not_matter() -> None:
    ids = [prefix.id for prefix in CARD.prefixes]

    assert len({messages(list(order)) for order in itertools.permutations(ids)}) == 1


def test_a_prefix_near_the_last_user_turn_is_not_kept_in_history() -> None:
    first = assemble(CARD, CARD.prefixes, ["scene"], TALK[:2])
    second = assemble(CARD, CARD.prefixes, ["scene"], TALK)

    assert first[-1].text == "放学以后。\n\n在看什么？"
    assert second[1].text == "在看什么？"
    assert TALK[1].text == "在看什么？"


def test_a_prefix_near_the_last_user_turn_has_no_place_where_there_is_none() -> None:
    assert messages(["scene"], TALK[:1]) == "assistant: '学长，门不用关。'"
    assert messages(["scene"], ()) == ""


def test_the_last_user_turn_may_lie_before_an_answer() -> None:
    assert messages(["scene"], TALK[1:3]) == "user: '放学以后。\\n\\n在看什么？'\nassistant: '绘本。'"


def test_a_prompt_before_any_turn_is_the_system_turn_alone() -> None:
    assert messages(["who", "scene"], ()) == "system: '你是结衣。'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{char}} and {{user}}", "结衣 and 学长"),
        ("{{ Char }}{{USER}}", "结衣学长"),
        ("{char} {{chars}} {{}} {{ char", "{char} {{chars}} {{}} {{ char"),
        ("{{{char}}}", "{结衣}"),
        ("{{{{char}}}}", "{{结衣}}"),
    ],
)
def test_names_are_filled_in_and_nothing_else(text: str, expected: str) -> None:
    assert fill(text, CARD) == expected


def test_a_name_that_looks_like_a_macro_is_not_filled_again() -> None:
    card = CARD.model_copy(update={"display_name": "{{user}}"})

    assert fill("{{char}}", card) == "{{user}}"


def test_the_switches_of_a_new_chat_are_the_defaults_in_card_order() -> None:
    assert default_prefixes(CARD.prefixes) == ["who", "scene"]


@pytest.mark.parametrize(
    ("active", "changes", "expected"),
    [
        (["who"], {}, ["who"]),
        (["mood", "who"], {}, ["who", "mood"]),
        (["who"], {"manner": True}, ["who", "manner"]),
        (["who", "scene"], {"who": False, "mood": True}, ["scene", "mood"]),
        (["who"], {"who": True}, ["who"]),
        ([], {"who": False}, []),
    ],
)
def test_switches_change_what_is_named_and_keep_card_order(
    active: list[str], changes: dict[str, bool], expected: list[str]
) -> None:
    assert switch(CARD.prefixes, active, changes) == expected


def test_an_unknown_switch_is_wrong_usage_and_the_nearest_is_named() -> None:
    with pytest.raises(UsageError, match=r"there is no prefix 'maner' on this card; did you mean 'manner'\?"):
        switch(CARD.prefixes, ["who"], {"maner": True})
    with pytest.raises(UsageError, match="there is no prefix 'x' on this card; there is none yet"):
        switch([], [], {"x": True})
