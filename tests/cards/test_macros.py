import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.cards.macros import resolve
from roleplay.cards.model import Card
from roleplay.cards.prompt import assemble
from roleplay.dialogue import Turn


def resolved(text: str) -> str:
    return resolve(text, "Mina", "you")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{char}} {{ USER }} <BOT> <char> <User>", "Mina you Mina Mina you"),
        ("a < b > c <b> <start> {x} }} {{", "a < b > c <b> <start> {x} }} {{"),
        ("{{{char}}} {{{{user}}}} {{a{{b", "{Mina} {{you}} {{a{{b"),
        ("{{time}} {{}} {{random}}", "{{time}} {{}} {{random}}"),
        ("a{{// a note on {{char}}}}b{{comment: more}}c{{original}}d{{hidden_key:x}}", "abcd"),
        ("{{reverse:{{char}}!}} {{REVERSE: ab }}", "!aniM ba"),
        ("{{random:one}} {{pick:: two :: two }} {{random:}}", "one two "),
        ("{{random:{{char}},{{char}}}}", "Mina"),
        ("{{roll:1}} {{roll:1d1+4}} {{roll: 3d1 }} {{roll::d1}}", "1 5 3 1"),
        ("{{roll:0}} {{roll:many}} {{roll:9999d6}}", "{{roll:0}} {{roll:many}} {{roll:9999d6}}"),
    ],
)
def test_macros_are_resolved_innermost_first(text: str, expected: str) -> None:
    assert resolved(text) == expected


def test_a_draw_is_the_same_for_the_same_text_and_another_elsewhere() -> None:
    texts = [f"{i}: {{{{random:a,b,c}}}} {{{{roll:2d6}}}}" for i in range(60)]
    said = [resolved(text) for text in texts]
    assert said == [resolved(text) for text in texts]
    assert {line.split()[1] for line in said} == {"a", "b", "c"}
    assert {int(line.split()[2]) for line in said} <= set(range(2, 13))
    first, second = zip(*(resolved("{{pick:a,b}} {{pick:a,b}}" + "." * i).split(" ") for i in range(40)), strict=True)
    assert [one[0] for one in first] != [two[0] for two in second]


def test_what_a_macro_gives_is_not_looked_at_again() -> None:
    assert resolve("{{char}} {{reverse:{{char}}}}", "{{user}}", "you") == "{{user}} }}resu{{"


@given(st.text(st.sampled_from("{}<>:/,charuse rndom1"), max_size=60))
def test_any_text_is_resolved_and_plain_text_stays(text: str) -> None:
    assert isinstance(resolved(text), str)
    if "{{" not in text and "<" not in text:
        assert resolved(text) == text


def test_deep_nonsense_takes_no_time() -> None:
    text = "{{a" * 20_000 + "}}" * 20_000
    assert resolved(text) == text


def test_a_prefix_that_says_nothing_leaves_no_gap_in_the_prompt() -> None:
    prefixes = [
        {"id": "a", "text": "{{// nothing}}"},
        {"id": "b", "text": "You are {{char}}."},
        {"id": "c", "text": "{{original}}", "place": "last_user"},
    ]
    card = Card.model_validate(
        {"schema": 1, "name": "mina", "display_name": "Mina", "language": "en", "prefixes": prefixes}
    )
    turns = assemble(card, card.prefixes, ["a", "b", "c"], [Turn("user", "Hi.")])
    assert turns == (Turn("system", "You are Mina."), Turn("user", "Hi."))
