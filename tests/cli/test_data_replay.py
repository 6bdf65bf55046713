"""`roleplay data replay`."""

import signal
from pathlib import Path

import pytest
from transformers import GenerationConfig, PreTrainedTokenizerFast

from roleplay.corpora.native import read_native
from roleplay.generation.decode import TextStream
from tests.cli.conftest import refused, roleplay
from tests.tiny import save_tiny_base

FLAGS = ["--questions", "questions.yaml", "--temperature", 1, "--max-tokens", 20]


@pytest.fixture(scope="session")
def curt_base(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A random llama that ends its answers at many a token."""
    folder = save_tiny_base(tmp_path_factory.mktemp("curt") / "curt", chatml_tokenizer, context=128)
    GenerationConfig(eos_token_id=list(range(2, 340, 8))).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def questions(project: Path) -> Path:
    path = project / "questions.yaml"
    path.write_text("".join(f"- What is {n} and {n}?\n" for n in range(12)), encoding="utf-8")
    return path


def test_it_writes_a_general_corpus_that_the_card_can_name(pell: Path, curt_base: Path) -> None:
    done = roleplay("data", "replay", "pell", "-n", 3, "--base", curt_base, *FLAGS)
    assert done.status == 0, done.err
    assert done.out.splitlines()[-1] == "written: characters/pell/replay.yaml"
    assert "3/3 kept" in done.err
    line = "- {path: pell/replay.yaml, kind: general}"
    assert done.err.endswith(f"add to the card's corpora: {line}\n")
    assert len(read_native(pell.parent / "pell" / "replay.yaml")) == 3
    pell.write_text(pell.read_text(encoding="utf-8").rstrip() + f"\n  {line}\n", encoding="utf-8")
    counts = roleplay("data", "build", "pell", "--json").json
    assert [part["kind"] for part in counts["corpora"]] == ["desc", "dialogue", "general"]


def test_more_than_all_questions_is_said(pell: Path, curt_base: Path) -> None:
    done = roleplay("data", "replay", "pell", "-n", 99, "--base", curt_base, *FLAGS, "--json")
    report = done.json
    assert (done.status, report["asked"], report["questions"]) == (0, 12, 12)
    assert report["kept"] + sum(report["dropped"].values()) == 12
    assert f"that is all the questions there are: {report['kept']} answers instead of 99" in done.err


def test_ctrl_c_exits_130_and_the_same_command_goes_on(
    pell: Path, curt_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = roleplay(
        "data", "replay", "pell", "-n", 3, "--base", curt_base, *FLAGS, "--out", "whole.yaml", "--json"
    ).json
    assert whole["asked"] >= 3
    closed: list[str] = []
    close = TextStream.close

    def counting(stream: TextStream) -> str:
        closed.append(close(stream))
        if len(closed) == 3:
            signal.raise_signal(signal.SIGINT)
        return closed[-1]

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TextStream, "close", counting)
            stopped = roleplay("data", "replay", "pell", "-n", 3, "--base", curt_base, *FLAGS)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (stopped.status, stopped.out) == (130, "")
    assert "2 answers are in characters/pell/replay.journal.jsonl; the same command goes on from there" in stopped.err
    assert not (pell.parent / "pell" / "replay.yaml").exists()
    done = roleplay("data", "replay", "pell", "-n", 3, "--base", curt_base, *FLAGS, "--json")
    assert done.json["spent"]["reused"] == 2
    assert (pell.parent / "pell" / "replay.yaml").read_bytes() == Path("whole.yaml").read_bytes()


def test_the_cards_own_base_answers_where_none_is_typed(pell: Path, tiny_base: Path) -> None:
    done = roleplay("data", "replay", "pell", "-n", 1, *FLAGS, "--max-tokens", 1)
    assert done.status == 1
    assert done.out.startswith("12 of 12 questions asked, 0 answers kept\n    12 cut\n")
    assert "error: no answer was good enough, and no corpus was written; raise --max-tokens" in done.err


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (["--quant", "int3"], 2, "choose none, int8 or nf4"),
        (["--language", "en"], 2, "leave --language out"),
        (["--base", "./nowhere"], 1, "there is no folder ./nowhere"),
        (["--out", "questions.yaml"], 1, "questions.yaml is there already; add --force"),
    ],
)
def test_wrong_usage_is_named(pell: Path, more: list[object], status: int, told: str) -> None:
    assert told in refused(roleplay("data", "replay", "pell", "-n", 1, *FLAGS, *more), status)
