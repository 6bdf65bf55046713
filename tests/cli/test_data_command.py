"""`roleplay data`."""

from pathlib import Path

import pytest

from roleplay.cli.output import emit_painted
from tests.cli.conftest import roleplay


def test_build_counts_and_says_that_the_gate_passed(pell: Path) -> None:
    built = roleplay("data", "build", "pell", "--epochs", 3)
    assert built.status == 0
    lines = built.out.splitlines()
    assert lines[0] == "desc          6 dialogues     5 samples    1 held out  characters/pell/desc.yaml"
    assert lines[1].startswith("dialogue      7 dialogues ")
    assert lines[3] == "0 dropped, 0 cut, 0 end-lost"
    assert built.err.startswith("gate passed: ")


def test_build_as_json_is_one_object_with_gate_and_counts(pell: Path) -> None:
    built = roleplay("data", "build", "pell", "--json")
    assert (built.status, built.err) == (0, "")
    counts = built.json
    assert counts["gate"] == {"passed": True, "renderings": counts["gate"]["renderings"]}
    assert counts["samples"] + counts["heldout_samples"] == 13
    assert counts["gate"]["renderings"] == counts["samples"] + 2 * counts["heldout_samples"]
    assert 0 < counts["trained_tokens"] < counts["tokens"]
    assert [part["kind"] for part in counts["corpora"]] == ["desc", "dialogue"]
    assert sum(part["samples"] for part in counts["corpora"]) == counts["samples"]


def test_more_epochs_draw_more_renderings(pell: Path) -> None:
    gates = [roleplay("data", "build", "pell", "--json", "--epochs", n).json["gate"]["renderings"] for n in (1, 8)]
    assert gates[0] < gates[1]


def test_a_limit_costs_answers_which_are_counted(pell: Path) -> None:
    counts = roleplay("data", "build", "pell", "--json", "--max-length", 70).json
    assert counts["limit"] == 70
    assert counts["dropped"] + counts["cut"] > 0
    assert counts["longest"] <= 70


def test_show_marks_what_is_trained(pell: Path) -> None:
    shown = roleplay("data", "show", "pell", "-n", 100, "--heldout")
    assert (shown.status, shown.err) == (0, "")
    blocks = shown.out.split("\n── ")[1:]
    assert {block.splitlines()[0].split(":")[0] for block in blocks} == {
        "characters/pell/desc.yaml",
        "characters/pell/talk.yaml",
    }
    for block in blocks:
        title, *lines = block.splitlines()
        assert title.endswith(" [who, manner]")
        kinds = [line.split("|")[0].strip() for line in lines]
        assert kinds[0] == "user"
        assert kinds[1] == "prefix"
        assert kinds.count("trained") == kinds.count("end") > 0
        assert "prefix  | You are Pell." in lines
        assert "end     | <|im_end|>" in lines


def test_show_as_json_is_one_object_a_sample(pell: Path) -> None:
    rows = roleplay("data", "show", "pell", "--json", "-n", 4, "--epoch", 2).rows
    assert len(rows) == 4
    for row in rows:
        assert row.keys() == {"source", "prefixes", "segments"}
        assert {part["kind"] for part in row["segments"]} == {"prefix", "user", "trained", "end"}
        text = "".join(part["text"] for part in row["segments"])
        assert text.startswith("<|im_start|>system\nYou are Pell.")
        assert text.endswith("<|im_end|>")


def test_a_prefix_that_is_all_comment_is_no_stretch_of_a_sample(pell: Path) -> None:
    card = Path("characters/pell.yaml")
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace("prefixes:\n", 'prefixes:\n  - {id: note, text: "{{// to do }}"}\n'), encoding="utf-8")
    shown = roleplay("data", "show", "pell", "-n", 1, "--json").json
    assert "note" in shown["prefixes"]
    assert "to do" not in str(shown["segments"])


def test_a_seed_and_an_epoch_decide_what_is_shown(pell: Path) -> None:
    shows = [["--seed", "0"], ["--seed", "0"], ["--seed", "1"], ["--epoch", "1"]]
    first, again, seed, epoch = (roleplay("data", "show", "pell", "--json", "-n", 9, *flags).out for flags in shows)
    assert first == again
    assert len({first, seed, epoch}) == 3


def test_a_base_may_be_typed(pell: Path, tiny_base: Path) -> None:
    card = pell.read_text().replace(f"base: {tiny_base}\n", "")
    pell.write_text(card)
    assert roleplay("data", "build", "pell", "--base", tiny_base).status == 0
    refused = roleplay("data", "build", "pell", "--base", "./nowhere")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("error: there is no folder ./nowhere; ")


def test_colours_are_for_terminals_alone(
    pell: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("cli.output", "cli.data.show"):
        monkeypatch.setattr(f"roleplay.{module}.colours", lambda: True)
    shown = roleplay("data", "show", "pell", "-n", 1)
    assert shown.out.splitlines()[0] == (
        "\x1b[35mprefix  \x1b[0m\x1b[36muser  \x1b[0m\x1b[1;32mtrained  \x1b[0m\x1b[1;33mend  \x1b[0m"
    )
    assert "\x1b[1;33m<|im_end|>\x1b[0m" in shown.out
    emit_painted([("plain", ""), ("bo\x1bld", "1")])
    assert capsys.readouterr().out == "plain\x1b[1mbold\x1b[0m\n"
