"""`roleplay evaluate`, on Pell's run of a random base."""

import signal
import time
from pathlib import Path

import pytest

from roleplay.paths import Home
from tests.cli.conftest import refused, roleplay, spawn

QUICK = ("--quick", "--max-new-tokens", "4")


@pytest.fixture
def run(tuned_pell: Path, home: Home) -> Path:
    """Pell's finished run."""
    return home.runs / "pell" / "whole"


def test_the_report_is_a_table_and_a_page(run: Path, home: Home) -> None:
    outcome = roleplay("evaluate", "pell", *QUICK)

    assert outcome.status == 0
    for told in (
        "Pell (pell)",
        "whole@best on tiny",
        "held-out lines, bits per",
        "ROUGE-L",
        "end by themselves",
        "KL from",
    ):
        assert told in outcome.out
    (page,) = (home.evaluations / "pell").glob("whole@best-own-*/report.html")
    assert str(page.name) in outcome.err
    assert "Lines in 'en': style cannot be judged by" in outcome.out.replace("\n", " ").replace("  ", " ")


def test_json_is_the_report_and_a_second_call_reads_it_again(run: Path) -> None:
    first = roleplay("evaluate", "pell", *QUICK, "--json")
    second = roleplay("evaluate", "pell", *QUICK, "--json")

    assert first.json == second.json
    assert "replies" in first.err
    assert "replies" not in second.err
    assert first.json["adapter"] == "whole@best"
    assert first.json["settings"]["max_new_tokens"] == 4
    assert {"heldout_bits", "rouge_l", "stopped", "kl"} <= {measure["name"] for measure in first.json["measures"]}


def test_prompts_of_a_file_are_answered_in_every_lane_several_times(run: Path, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.yaml"
    prompts.write_text("- Hi.\n- {prompt: 'Bread?', reference: 'Yes, please.'}\n")

    found = roleplay("evaluate", "pell", "--prompts", prompts, "--samples", "3", "--max-new-tokens", "6", "--json").json
    greedy = roleplay(
        "evaluate",
        "pell",
        "--prompts",
        prompts,
        "--samples",
        "2",
        "--temperature",
        "0",
        "--lanes",
        "persona+prefix",
        "--json",
    ).json

    assert [(one["prompt"], one["lane"]) for one in found][:5] == [
        ("Hi.", "persona+prefix"),
        ("Hi.", "base+prefix"),
        ("Hi.", "persona"),
        ("Hi.", "base"),
        ("Bread?", "persona+prefix"),
    ]
    assert all(len(one["replies"]) == 3 for one in found)
    assert len({reply for one in found for reply in one["replies"]}) > 8, "each sample has a seed of its own"
    assert [len(one["rouge_l"]) for one in found] == [0] * 4 + [3] * 4
    assert all(one["cut"] == 1 for one in found if one["lane"].startswith("base"))
    assert [len(set(one["replies"])) for one in greedy] == [1, 1]
    assert greedy[1]["spread"] == 0


def test_the_samples_are_a_table_too(run: Path, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Hi.\n")

    lines = roleplay(
        "evaluate", "pell", "--prompts", tmp_path / "p.txt", "--samples", "2", "--lanes", "base"
    ).out.splitlines()

    assert lines[1:3] == ["Hi.", "  base  cut 100%"]
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        (["nobody"], 1, "there is no character 'nobody'"),
        (["pell", "--run", "hole"], 1, "pell has no finished run 'hole'; did you mean 'whole'?"),
        (["pell", "--checkpoint", "epoch-3"], 1, "pell kept no checkpoint 'epoch-3'; known: best, last"),
        (["pell", "--samples", "3"], 2, "--samples and --lanes go with --prompts"),
        (["pell", "--prompts", "p.txt", "--quick"], 2, "--prompts asks its own questions"),
        (["pell", "--max-copied", "0.3"], 2, "--max-forgetting and --max-copied go with --checkpoints"),
        (["pell", "--prompts", "none.txt"], 1, "none.txt"),
        (["pell", "--prompts", "p.txt", "--lanes", "bass"], 2, "there is no lane 'bass'"),
        (["pell", "--device", "tpu"], 2, "--device tpu: choose auto, cpu or cuda"),
        (["pell", "--dtype", "float8"], 2, "--dtype float8: choose float32 or bfloat16"),
    ],
)
def test_what_cannot_be_is_one_clear_error(run: Path, typed: list[str], status: int, told: str) -> None:
    Path("p.txt").write_text("Hi.\n")

    assert told in refused(roleplay("evaluate", *typed), status)


def test_ctrl_c_ends_it_and_the_same_command_goes_on(run: Path, home: Home) -> None:
    with spawn("evaluate", "pell", *QUICK, "--batch", "1") as process:
        assert process.stderr is not None
        assert any("replies" in line for line in process.stderr), "it ended before"
        notebooks = list(home.evaluations.glob("pell/*/notebook.jsonl"))
        while process.poll() is None and "reply" not in notebooks[0].read_text():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert (process.returncode, err.splitlines()[-1]) == (130, "error: interrupted")
    found = notebooks[0].read_text()
    assert "reply" in found

    outcome = roleplay("evaluate", "pell", *QUICK, "--batch", "64")

    assert outcome.status == 0
    assert notebooks[0].read_text().startswith(found)
