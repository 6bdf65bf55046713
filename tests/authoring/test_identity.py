"""Who a character is, from templates and from rows of LLaMA-Factory's kind."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.authoring.identity import PLACEHOLDER, TOPICS, Facts, facts, from_templates, listed, write_identity
from roleplay.authoring.identity_rows import from_rows
from roleplay.cards.model import Card
from roleplay.corpora.native import read_native
from roleplay.dialogue import Dialogue
from roleplay.errors import FileFaults, NotFound, RoleplayError, StorageError, UsageError
from roleplay.paths import shipped
from roleplay.strictyaml import parse

PELL = Facts("en", "Pell", "Ann", "nineteen", ("goats", "ropes", "fog"))
MO = Facts("zh", "墨墨", "小林", "十七", ("雨", "纸"))


def card(**more: Any) -> Card:
    return Card.model_validate({"schema": 1, "name": "pell", "display_name": "Pell", "language": "en"} | more)


def told(dialogues: tuple[Dialogue, ...]) -> list[tuple[str, str]]:
    return [(dialogue.turns[0].text, dialogue.turns[1].text) for dialogue in dialogues]


def templates(language: str) -> dict[str, list[dict[str, list[str]]]]:
    value = parse(shipped() / "data" / "identity" / f"{language}.yaml", typed=False).value
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_topic_is_asked_and_answered_in_many_ways(language: str) -> None:
    read = templates(language)
    assert tuple(read) == TOPICS
    for topic, groups in read.items():
        questions = [text for group in groups for text in group["questions"]]
        answers = [text for group in groups for text in group["answers"]]
        assert len(questions) == len(set(questions)) >= 12
        assert len(answers) == len(set(answers)) >= 12
        assert all(len(group["questions"]) <= len(group["answers"]) for group in groups)
        words = {word for text in questions + answers for word in PLACEHOLDER.findall(text)}
        assert words <= {"name", topic, *(["like"] if topic == "likes" else [])}
        # An answer that tells nothing of its topic teaches nothing.
        assert all({"likes", "like"} & set(found) if topic == "likes" else topic in found
                   for found in map(PLACEHOLDER.findall, answers))  # fmt: skip


@pytest.mark.parametrize("known", [PELL, MO], ids=lambda known: known.language)
def test_without_a_count_each_question_and_each_answer_comes_once(known: Facts) -> None:
    made = from_templates(known, "pell")
    pairs = told(made.dialogues)
    assert made.left_out == ()
    assert len(pairs) == sum(
        len(group["questions"]) for groups in templates(known.language).values() for group in groups
    )
    assert len({question for question, _ in pairs}) == len(pairs)
    assert len({answer for _, answer in pairs}) == len(pairs)
    assert not [text for pair in pairs for text in pair if "{" in text or "}" in text]


def test_all_that_differ_can_be_had_and_no_more() -> None:
    most = sum(
        len(group["questions"]) * len(group["answers"]) for groups in templates("en").values() for group in groups
    )
    pairs = told(from_templates(PELL, "pell", most).dialogues)
    assert len(set(pairs)) == most
    with pytest.raises(UsageError, match=f"--count {most + 1}: only {most} different"):
        from_templates(PELL, "pell", most + 1)


def test_a_draw_is_the_same_each_time_and_another_for_another_character() -> None:
    assert from_templates(PELL, "pell", 20) == from_templates(PELL, "pell", 20)
    assert from_templates(PELL, "pell", 20) != from_templates(PELL, "dot", 20)
    assert from_templates(PELL, "pell", 20).dialogues == from_templates(PELL, "pell", 90).dialogues[:20]


def test_few_dialogues_are_of_all_topics() -> None:
    sources = [dialogue.source for dialogue in from_templates(PELL, "pell", 4).dialogues]
    assert sources == [f"identity: {topic}" for topic in TOPICS]


def test_a_topic_of_which_nothing_is_told_is_left_out_and_named() -> None:
    made = from_templates(Facts("en", "Pell", likes=("fog",)), "pell")
    assert made.left_out == ("maker", "age")
    assert {dialogue.source for dialogue in made.dialogues} == {"identity: name", "identity: likes"}


def test_another_language_has_no_templates() -> None:
    with pytest.raises(UsageError, match="language 'fr', only in en, zh; bring your own with --from"):
        from_templates(Facts("fr", "Pell"), "pell")


def test_the_card_tells_what_is_not_typed() -> None:
    own = card(creator="Ann", language="en-GB", extra={"age": 19, "likes": ["fog", " fog ", "ropes"]})
    assert facts(own) == Facts("en", "Pell", "Ann", "19", ("fog", "ropes"))
    assert facts(own, name="P.", maker="Bo", age="20 years old", likes=["tea"]) == Facts(
        "en", "P.", "Bo", "20", ("tea",)
    )
    assert facts(card(language="zh", extra={"age": "十七岁", "likes": "雨"})) == Facts(
        "zh", "Pell", "", "十七", ("雨",)
    )


@pytest.mark.parametrize("odd", [{}, {"age": None, "likes": None}, {"age": [1], "likes": [{}, True, "  "]}])
def test_what_a_card_holds_in_another_form_is_not_told(odd: dict[str, Any]) -> None:
    assert facts(card(extra=odd)).unknown == ("maker", "age", "likes")


def test_things_are_listed_as_a_sentence_does() -> None:
    assert [listed(["a", "b", "c"][:n], "en") for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert listed(["雨", "纸", "茶"], "zh") == "雨、纸和茶"


def rows(path: Path, *entries: object) -> Path:
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


HELLO = {"instruction": "hi", "input": "", "output": "I am {{name}}, made by {{author}}."}


def test_rows_are_filled(tmp_path: Path) -> None:
    file = rows(tmp_path / "i.json", HELLO, {"instruction": "Say", "input": "it: {{ name }}", "output": "{{name}}!"})
    made = from_rows(file, PELL, "pell")
    assert told(made.dialogues) == [("hi", "I am Pell, made by Ann."), ("Say\nit: Pell", "Pell!")]
    assert made.dialogues[1].source.endswith("i.json: row 2")
    assert len(from_rows(file, PELL, "pell", 1).dialogues) == 1
    with pytest.raises(UsageError, match=r"--count 3: .* has 2 rows"):
        from_rows(file, PELL, "pell", 3)


def test_a_value_in_braces_is_not_filled_again(tmp_path: Path) -> None:
    known = Facts("en", "{{author}}", "Ann")
    assert (
        told(from_rows(rows(tmp_path / "i.json", HELLO), known, "p").dialogues)[0][1] == "I am {{author}}, made by Ann."
    )


def test_rows_that_ask_for_an_unknown_maker_are_left_out_and_counted(tmp_path: Path) -> None:
    file = rows(tmp_path / "i.json", HELLO, HELLO | {"output": "I am {{name}}."})
    made = from_rows(file, Facts("en", "Pell"), "pell")
    assert (len(made.dialogues), made.left_out, made.rows_left_out) == (1, ("maker",), 1)
    with pytest.raises(NotFound, match="no row that can be filled; give --maker"):
        from_rows(rows(tmp_path / "i.json", HELLO), Facts("en", "Pell"), "pell")


def test_every_faulty_row_is_named(tmp_path: Path) -> None:
    bad: list[object] = [
        HELLO,
        HELLO | {"output": "By {{auhtor}} of {{company}}."},
        7,
        {"instruction": "hi", "output": []},
    ]
    bad += [{"instruction": " ", "output": "x", "input": 3}]
    with pytest.raises(FileFaults) as caught:
        from_rows(rows(tmp_path / "i.json", *bad), PELL, "pell")
    said = [f"{fault.key}: {fault.problem}; {fault.remedy}" for fault in caught.value.faults]
    assert said == [
        "row 2: holds the placeholder '{{auhtor}}'; did you mean 'author'?",
        "row 2: holds the placeholder '{{company}}'; known: name, author",
        "row 3: is no object (seen: 7); give a JSON list of rows with 'instruction' and 'output'",
        "row 4: has no text as 'output' (seen: []); write the text, or leave the row out",
        "row 5: has no text as 'instruction' (seen: ' '); write the text, or leave the row out",
        "row 5: has no text as 'input' (seen: 3); leave it empty",
    ]


@pytest.mark.parametrize("text", ["", "{", "{}", "[" * 100_000, "[" + "1" * 5000 + "]", "\ufeff[1,", "null"])
def test_a_file_that_is_no_list_of_rows_is_one_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "i.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FileFaults) as caught:
        from_rows(path, PELL, "pell")
    assert len(caught.value.faults) == 1


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=20), lambda part: st.lists(part, max_size=3), max_leaves=4
)
ROW = st.dictionaries(
    st.sampled_from(["instruction", "input", "output", "x"]), JSON | st.sampled_from(["{{name}}", "a"])
)


@given(st.lists(ROW, max_size=4))
def test_any_rows_give_dialogues_or_a_named_error(tmp_path: Path, entries: list[Any]) -> None:
    try:
        made = from_rows(rows(tmp_path / "i.json", *entries), PELL, "pell")
    except RoleplayError:
        return
    assert len(made.dialogues) == len(entries)
    assert all(turn.text for dialogue in made.dialogues for turn in dialogue.turns)


LINE = st.text(max_size=30)


@given(name=LINE, maker=LINE, age=LINE, likes=st.lists(LINE, max_size=4), language=st.sampled_from(["zh", "en"]))
def test_whatever_is_typed_comes_back_from_the_corpus(
    tmp_path: Path, name: str, maker: str, age: str, likes: list[str], language: str
) -> None:
    known = facts(card(language=language), name=name, maker=maker, age=age, likes=likes)
    made = from_templates(known, "pell", 6)
    out = tmp_path / "identity.yaml"
    write_identity(out, made, known, force=True)
    assert [dialogue.turns for dialogue in read_native(out)] == [dialogue.turns for dialogue in made.dialogues]


def test_a_corpus_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "identity.yaml"
    out.write_text("mine")
    with pytest.raises(StorageError, match="--force"):
        write_identity(out, from_templates(PELL, "pell", 4), PELL, force=False)
    assert out.read_text() == "mine"


def test_the_rows_of_llama_factory_are_filled_without_exception(shared: Path) -> None:
    path = shared / "fixtures" / "llamafactory" / "identity.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    made = from_rows(path, PELL, "pell")
    assert told(made.dialogues) == [
        tuple(row[key].replace("{{name}}", "Pell").replace("{{author}}", "Ann") for key in ("instruction", "output"))
        for row in raw
    ]
