from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile
from roleplay.errors import Fault, FileFaults

Faults = Callable[[str | bytes], list[Fault]]
HEAD = "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\n"  # lines 1 to 4


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("prefixs: []", "5: prefixs: is not a key of a card; did you mean 'prefixes'?"),
        ("zzz: 1", "5: zzz: is not a key of a card; known: schema, name, "),
        ("schema_version: 1", "5: schema_version: is not a key of a card; "),
        (
            "generation:\n  temprature: 1",
            "6: generation.temprature: is not a key of a card; did you mean 'temperature'?",
        ),
        (
            "prefixes:\n  - id: a\n    text: x\n    txt: y",
            "8: prefixes[0].txt: is not a key of a card; did you mean 'text'?",
        ),
        (
            "probes:\n  identity:\n    - question: q\n      accept: [a]\n      forbidden: [b]",
            "9: probes.identity[0].forbidden: is not a key of a card; did you mean 'forbid'?",
        ),
        ("prefixes:\n  - id: a\n    default: on", "6: prefixes[0].text: is missing; add 'text: …'"),
        ("corpora:\n  - path: mimi/desc.yaml", "6: corpora[0].kind: is missing; add 'kind: …'"),
        ("probes:\n  identity:\n    - accept: [a]", "7: probes.identity[0].question: is missing; add 'question: …'"),
        (
            "prefixes: [{id: a, text: 5}]",
            "5: prefixes[0].text: input should be a valid string (seen: 5); put the text in quotes",
        ),
        ("version: 1.0", "5: version: input should be a valid string (seen: 1.0); put the text in quotes"),
        ("tags: quiet", "5: tags: input should be a valid list (seen: 'quiet'); correct the value"),
        ("prefixes: {id: a}", "5: prefixes: input should be a valid list; correct the value"),
        ("prefixes: [just text]", "5: prefixes[0]: input should be a valid dictionary"),
        ("greeting: [a]", "5: greeting: input should be a valid string; put the text in quotes"),
        (
            "greeting: '  '",
            "5: greeting: string should have at least 1 character (seen: ' '); write some text or leave the key out",
        ),
        (
            "prefixes: [{id: a, text: x, default: maybe}]",
            "5: prefixes[0].default: input should be a valid boolean, unable to interpret input (seen: 'maybe')",
        ),
        (
            "prefixes: [{id: a, text: x, place: sytem}]",
            "5: prefixes[0].place: input should be 'system' or 'last_user' (seen: 'sytem'); did you mean 'system'?",
        ),
        (
            "prefixes: [{id: two words, text: x}]",
            "5: prefixes[0].id: string should match pattern '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$' (seen: 'two words'); "
            "use letters, digits, '-' and '_' on one line",
        ),
        (
            "generation: {temperature: 6}",
            "5: generation.temperature: input should be less than or equal to 5 (seen: 6)",
        ),
        ("generation: {temperature: nan}", "5: generation.temperature: input should be less than or equal to 5"),
        ("generation: {top_k: 1.5}", "5: generation.top_k: input should be a valid integer"),
        (
            "corpora: [{path: mimi/desc.yaml, kind: talk}]",
            "5: corpora[0].kind: input should be 'desc', 'dialogue', 'general' or 'text' (seen: 'talk'); "
            "known: desc, dialogue, general, text",
        ),
        (
            "corpora: [{path: mimi/desc.yaml, kind: desc, weight: 0}]",
            "5: corpora[0].weight: input should be greater than 0 (seen: 0); correct the value",
        ),
        (
            "prefixes:\n  - {id: a, text: x}\n  - {id: b, text: x}\n  - {id: a, text: y}",
            "8: prefixes[2].id: 'a' is used twice; give each prefix an id of its own",
        ),
        (
            "prefixes:\n  - id: template-default\n    text: x",
            "6: prefixes[0].id: 'template-default' is taken by the chat template's own system prompt; choose ",
        ),
        ("a: &x 1\nb: *x", "5: uses a YAML alias or anchor ('x'); write it out"),
        ("greeting: a\ngreeting: b", "6: greeting: is given twice (first in line 5); keep one of the two"),
        ("generation:\n  top_k: 1\n  top_k: 2", "7: generation.top_k: is given twice (first in line 6)"),
        ("greeting: a: b", "5: is not valid YAML: mapping values are not allowed here; put text with ': '"),
        ("prefixes: [{id: a", "6: is not valid YAML: "),
    ],
)
def test_a_fault_is_told_with_file_line_key_value_and_remedy(faults: Faults, more: str, expected: str) -> None:
    told = faults(HEAD + more + "\n")

    assert str(told[0]).startswith(f"characters/mimi.yaml:{expected}")


@pytest.mark.parametrize("train", ["alway", "2", "-0.1", "nan", "[0.5]"])
def test_a_bad_share_of_training_is_a_fault_of_its_key(faults: Faults, train: str) -> None:
    told = faults(HEAD + f"prefixes:\n  - id: a\n    text: x\n    train: {train}\n")

    assert {(fault.line, fault.key) for fault in told} == {(8, "prefixes[0].train")}
    assert "input should be 'always' or 'never'" in told[0].problem


@pytest.mark.parametrize("key", ["schema", "name", "display_name", "language"])
def test_each_key_that_a_card_needs_is_missed(faults: Faults, key: str) -> None:
    rest = "".join(line for line in HEAD.splitlines(keepends=True) if not line.startswith(key + ":"))

    (fault,) = faults(rest)

    assert str(fault) == f"characters/mimi.yaml:1: {key}: is missing; add '{key}: …'"


@pytest.mark.parametrize("schema", ["2", "'1'", "one", "null"])
def test_another_version_of_the_format_is_a_fault(faults: Faults, schema: str) -> None:
    (fault,) = faults(HEAD.replace("schema: 1", f"schema: {schema}"))

    assert (fault.line, fault.key) == (1, "schema")
    assert fault.problem.startswith("input should be 1 (seen: ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "1: holds nothing where keys and values are expected; begin with 'schema: 1' and 'name: …'"),
        ("# a comment\n", "1: holds nothing where keys and values are expected; "),
        ("- a\n- b\n", "1: holds a list where keys and values are expected; "),
        ("just text", "1: holds text where keys and values are expected; "),
        ("5", "1: holds a int where keys and values are expected; "),
        (b"schema: 1\nname: mimi\ndisplay_name: \xc0\xaf\n", "3: is not UTF-8: byte 0xc0 at offset 35; save the file"),
        ("schema: 1\nname: mimi".encode("utf-16"), "1: is not UTF-8: byte 0xff at offset 0; "),
        (HEAD + "greeting: a\x1b[2Jb\n", "5: holds the control character U+001B; remove it"),
        (HEAD + "--- \nschema: 1\n", "5: is not valid YAML: but found another document"),
        pytest.param("[" * 10_000, "1: is nested more than 32 deep; flatten it", id="deep"),
    ],
)
def test_a_file_that_is_no_card_is_one_fault(faults: Faults, content: str | bytes, expected: str) -> None:
    (fault,) = faults(content)

    assert str(fault).startswith(f"characters/mimi.yaml:{expected}")


def test_a_name_that_differs_from_the_file_is_a_fault(faults: Faults) -> None:
    (fault,) = faults(HEAD.replace("name: mimi", "name: momo"))

    assert str(fault) == (
        "characters/mimi.yaml:2: name: is 'momo' in a file called mimi.yaml; "
        "write 'name: mimi' or rename the file to momo.yaml"
    )


def test_all_faults_of_a_file_are_told_at_once_in_the_order_of_its_lines(faults: Faults) -> None:
    told = faults(
        """\
schema: 1
name: momo
display_name: ""
prefixs: []
prefixes:
  - id: a
    txt: hi
    place: sytem
  - {id: a, text: x}
  - {id: template-default, text: y}
generation: {temprature: 1, top_p: 2}
corpora:
  - {path: mimi/dsc.yaml, kind: desc}
  - {path: ../../etc/passwd, kind: talk}
"""
    )

    assert [fault.line for fault in told] == sorted(fault.line or 0 for fault in told)
    assert {(fault.line, fault.key) for fault in told} == {
        (1, "language"),
        (2, "name"),
        (3, "display_name"),
        (4, "prefixs"),
        (6, "prefixes[0].text"),
        (7, "prefixes[0].txt"),
        (8, "prefixes[0].place"),
        (9, "prefixes[1].id"),
        (10, "prefixes[2].id"),
        (11, "generation.temprature"),
        (11, "generation.top_p"),
        (13, "corpora[0].path"),
        (14, "corpora[1].path"),
        (14, "corpora[1].kind"),
    }
    assert len(told) == 14


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", "..", "mimi/../../../secret.yaml", "../characters/../../secret.yaml"]
)
def test_a_corpus_path_that_leads_out_is_a_fault(faults: Faults, project: Path, path: str) -> None:
    (project.parent / "secret.yaml").write_text("- - char: secret\n")

    (fault,) = faults(HEAD + f"corpora:\n  - kind: desc\n    path: {path}\n")

    assert str(fault).startswith(f"characters/mimi.yaml:7: corpora[0].path: '{path}' leads out of the card's folder")
    assert "passwd:" not in str(fault)


def test_an_absolute_path_is_a_fault_even_to_a_corpus_in_reach(faults: Faults, project: Path) -> None:
    path = project / "data" / "corpora" / "mimi" / "desc.yaml"

    (fault,) = faults(HEAD + f"corpora: [{{path: {path}, kind: desc}}]\n")

    assert path.is_file()
    assert "leads out of the card's folder" in fault.problem


@pytest.mark.parametrize("folder", ["characters", "data/corpora"])
@pytest.mark.parametrize("linked", ["secret.yaml", "."])
def test_a_symbolic_link_that_leads_out_is_a_fault(faults: Faults, project: Path, folder: str, linked: str) -> None:
    (project.parent / "secret.yaml").write_text("- - char: secret\n")
    (project / folder / "link").symlink_to(project.parent / linked)
    path = "link" if linked != "." else "link/secret.yaml"

    (fault,) = faults(HEAD + f"corpora: [{{path: {path}, kind: desc}}]\n")

    assert str(fault).startswith(f"characters/mimi.yaml:5: corpora[0].path: '{path}' leads out of the card's folder")


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("mimi/dsc.yaml", "did you mean 'mimi/desc.yaml'?"),
        ("mimi.yml", "did you mean 'mimi.yaml'?"),
        ("nowhere/at/all.yaml", "write the path relative to one of the two"),
    ],
)
def test_a_missing_corpus_is_a_fault_with_the_nearest_file(faults: Faults, path: str, remedy: str) -> None:
    (fault,) = faults(HEAD + f"corpora: [{{path: {path}, kind: desc}}]\n")

    assert str(fault) == (
        f"characters/mimi.yaml:5: corpora[0].path: '{path}' is not beside the card and not in data/corpora/; {remedy}"
    )


@pytest.mark.parametrize(
    "path",
    ['"nul\\0byte.yaml"', "a" * 300, "a/" * 3000 + "b", '"\\e[2Jx"', '"\\ud800"'],
    ids=["nul", "long name", "long path", "escape", "half a pair"],
)
def test_a_path_that_no_system_knows_is_a_fault_like_any_other(faults: Faults, path: str) -> None:
    told = faults(HEAD + f"corpora: [{{path: {path}, kind: desc}}]\n")

    assert {fault.key for fault in told} == {"corpora[0].path"}
    assert "\x1b" not in str(told[0])


@pytest.mark.parametrize("corpora", ["text", "[text]", "[{path: 5, kind: desc}]", "{path: x}", "[[]]", "null"])
def test_corpora_of_the_wrong_shape_are_faults_and_no_crash(faults: Faults, corpora: str) -> None:
    told = faults(HEAD + f"corpora: {corpora}\nprefixes: {corpora}\n")

    assert {fault.line for fault in told} == {5, 6}


def test_a_folder_is_no_corpus(faults: Faults) -> None:
    (fault,) = faults(HEAD + "corpora: [{path: mimi, kind: desc}]\n")

    assert fault.key == "corpora[0].path"
    assert fault.problem.endswith("or to no file")


def test_a_key_with_control_characters_is_told_without_them(faults: Faults) -> None:
    (fault,) = faults(HEAD + '"prefi\\e]0;owned\\axs": 1\n')

    assert str(fault).startswith("characters/mimi.yaml:")
    assert fault.key == "prefi]0;ownedxs"


def test_the_error_has_one_line_for_each_fault(card: Callable[..., CardFile]) -> None:
    with pytest.raises(FileFaults) as caught:
        card("zzz: 1\nyyy: '\x85'\n")

    assert len(str(caught.value).splitlines()) == len(caught.value.faults) == 2
