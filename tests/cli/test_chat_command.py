"""`roleplay chat --say`."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.generation.lanes import LANES
from roleplay.models.passport import read_passport
from roleplay.paths import Home
from tests.cli.conftest import Outcome, refused, roleplay
from tests.cli.parrot import save_parrot

ALL = ",".join(LANES)


@pytest.fixture(scope="session")
def parrot(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base that says `Bye, Tom.`."""
    return save_parrot(tmp_path_factory.mktemp("bases") / "parrot", chatml_tokenizer, "Bye, Tom.")


def say(*arguments: object, stdin: str = "") -> Outcome:
    """Talk to pell, briefly and with a fixed seed."""
    return roleplay("chat", "pell", "--max-new-tokens", 12, "--seed", 3, *arguments, stdin=stdin)


def test_a_reply_is_all_that_stdout_gets(pell: Path, parrot: Path) -> None:
    told = say("--say", "Hi.", "--base", parrot, "--temperature", 0, "--lanes", "base")
    assert (told.status, told.out) == (0, "Bye, Tom.\n")


def test_several_lanes_are_named(pell: Path, parrot: Path) -> None:
    told = say("--say", "Hi.", "--base", parrot, "--temperature", 0, "--lanes", "base+prefix,base")
    assert told.out == "base+prefix     Bye, Tom.\nbase            Bye, Tom.\n"


def test_a_record_has_eight_keys(pell: Path, parrot: Path) -> None:
    (record,) = say("--say", "Hi.", "--base", parrot, "--temperature", 0, "--json").rows
    seconds = record.pop("seconds")
    assert 0 <= seconds < 600
    assert record == {
        "lane": "base+prefix",
        "adapter": None,
        "prefix": ["who", "manner"],
        "prompt": "<|im_start|>system\nYou are Pell.\n\nPell is brief.<|im_end|>\n"
        "<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\n",
        "text": "Bye, Tom.",
        "tokens": 10,
        "stopped": "end",
    }


def test_a_reply_cut_at_the_limit_says_so(pell: Path, parrot: Path) -> None:
    (record,) = say("--say", "Hi.", "--base", parrot, "--temperature", 0, "--json", "--max-new-tokens", 3).rows
    assert (record["text"], record["tokens"], record["stopped"]) == ("Bye", 3, "length")


def test_four_lanes_answer_on_one_weight_load(tuned_pell: Path, home: Home) -> None:
    told = say("--say", "Hi.", "--lanes", ALL, "--json", "--temperature", 0, "--max-new-tokens", 40)
    assert (told.status, told.err) == (0, "")
    records = {record["lane"]: record for record in told.rows}
    step = read_passport(home.runs / "pell" / "whole" / "adapter" / "best").step
    assert list(records) == list(LANES)
    for name, lane in LANES.items():
        assert records[name]["adapter"] == (f"pell/whole@{step}" if lane.adapter else None)
        assert records[name]["prefix"] == (["who", "manner"] if lane.prefix else [])
        assert ("You are Pell." in records[name]["prompt"]) is lane.prefix
    assert len({record["text"] for record in records.values()}) == 4


def test_a_lane_says_alone_what_it_says_in_company(tuned_pell: Path) -> None:
    company = {record["lane"]: record["text"] for record in say("--say", "Hi.", "--lanes", ALL, "--json").rows}
    alone = {lane: record["text"] for lane in LANES for record in say("--say", "Hi.", "--lanes", lane, "--json").rows}
    assert alone == company


def test_lanes_answer_in_the_order_typed(tuned_pell: Path) -> None:
    told = say("--say", "Hi.", "--lanes", "base, persona+prefix", "--json")
    assert [record["lane"] for record in told.rows] == ["base", "persona+prefix"]


def test_a_character_with_an_adapter_answers_as_persona_with_prefix(tuned_pell: Path) -> None:
    (record,) = say("--say", "Hi.", "--json").rows
    assert record["lane"] == "persona+prefix"


def test_last_and_a_run_can_be_asked_for(tuned_pell: Path) -> None:
    adapters = [say("--say", "Hi.", "--json", *flags).rows[0]["adapter"] for flags in ([], ["--adapter", "last"])]
    assert adapters[1] == "pell/whole@30"
    assert adapters[0].startswith("pell/whole@")
    assert say("--say", "Hi.", "--json", "--run", "whole").rows[0]["adapter"] == adapters[0]
    assert "no finished run 'hole'; did you mean 'whole'?" in refused(say("--say", "Hi.", "--run", "hole"), 1)


def test_a_prefix_switched_off_leaves_the_prompt(pell: Path, parrot: Path) -> None:
    flags = ("--say", "Hi.", "--base", parrot, "--json")
    on, off, none = (
        say(*flags, *switches).rows[0]
        for switches in ([], ["--prefix", "manner=off"], ["--prefix", "manner=off", "--prefix", "who=off"])
    )
    assert on["prompt"].replace("\n\nPell is brief.", "") == off["prompt"]
    assert off["prefix"] == ["who"]
    assert (none["prefix"], none["prompt"]) == ([], "<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\n")


def test_a_last_user_prefix_stands_before_the_last_user_turn_alone(pell: Path, parrot: Path) -> None:
    text = pell.read_text().replace(
        "corpora:", "  - {id: scene, text: (Rain.), place: last_user, default: off}\ncorpora:"
    )
    pell.write_text(text)
    flags = ("--base", parrot, "--json", "--temperature", 0, "--lanes", "base+prefix")
    _, second = say("--say", "Hi.", "--say", "And?", *flags, "--prefix", "scene=on").rows
    assert second["prompt"].endswith(
        "user\nHi.<|im_end|>\n<|im_start|>assistant\nBye, Tom.<|im_end|>\n"
        "<|im_start|>user\n(Rain.)\n\nAnd?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_several_says_share_one_history_in_every_lane(tuned_pell: Path) -> None:
    told = say("--say", "Hi.", "--say", "Busy?", "--lanes", "base,persona", "--json", "--temperature", 0)
    first, _, *second = told.rows
    spoken = first["text"].strip()
    assert first["lane"] == "base"
    for record in second:
        assert record["prompt"] == (
            f"<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\n{spoken}<|im_end|>\n"
            "<|im_start|>user\nBusy?<|im_end|>\n<|im_start|>assistant\n"
        )


def test_a_dash_reads_lines(pell: Path, parrot: Path) -> None:
    flags = ("--base", parrot, "--json", "--temperature", 0, "--lanes", "base")
    told = say("--say", "-", *flags, stdin="Hi.\n\n  And?  \n")
    assert [record["prompt"].count("<|im_start|>user") for record in told.rows] == [1, 2]
    assert "<|im_start|>user\nAnd?<|im_end|>" in told.rows[1]["prompt"]


def test_a_greeting_opens_the_history_where_asked(pell: Path, parrot: Path) -> None:
    (record,) = say("--say", "Hi.", "--greet", "--base", parrot, "--json", "--lanes", "base").rows
    assert record["prompt"].startswith("<|im_start|>assistant\nHello, Tom.<|im_end|>\n<|im_start|>user\nHi.")


def test_at_temperature_0_a_reply_is_repeated_whatever_the_seed(pell: Path) -> None:
    texts = {say("--say", "Hi.", "--temperature", 0, "--seed", seed).out for seed in range(4)}
    assert len(texts) == 1


def test_a_seed_decides_the_reply(pell: Path) -> None:
    texts = [say("--say", "Hi.", "--temperature", 2, "--seed", seed).out for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 3


def test_without_a_seed_one_is_drawn(pell: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([1, 2])
    monkeypatch.setattr("secrets.randbelow", lambda below: next(draws))
    flags = ("--say", "Hi.", "--temperature", 2, "--max-new-tokens", 12)
    drawn = [roleplay("chat", "pell", *flags).out for _ in range(2)]
    assert drawn == [say(*flags, "--seed", seed).out for seed in (1, 2)]


def test_typed_sampling_beats_the_cards(pell: Path, tiny_base: Path) -> None:
    pell.write_text(pell.read_text() + "generation: {max_new_tokens: 4, temperature: 0}\n")
    card, typed = (
        roleplay("chat", "pell", "--say", "Hi.", "--json", *flags).rows[0]["tokens"]
        for flags in ([], ["--max-new-tokens", 7])
    )
    assert (card, typed) == (4, 7)


def test_without_an_adapter_the_base_answers_and_a_notice_names_the_remedy(pell: Path) -> None:
    told = say("--say", "Hi.", "--json")
    assert told.rows[0]["lane"] == "base+prefix"
    assert told.err == (
        "pell has no adapter yet. The base answers with the prefix alone; 'roleplay train pell' gives it the voice\n"
    )


@pytest.mark.parametrize("lanes", ["persona", "persona+prefix", "base,persona"])
def test_without_an_adapter_a_persona_lane_that_was_typed_is_an_error(pell: Path, lanes: str) -> None:
    told = refused(say("--say", "Hi.", "--lanes", lanes), 1)
    assert "'roleplay train pell'" in told
    assert "--lanes base+prefix,base" in told


def test_the_adapter_of_another_base_is_set_aside_with_a_notice(tuned_pell: Path, parrot: Path) -> None:
    told = say("--say", "Hi.", "--json", "--base", parrot)
    assert told.rows[0]["lane"] == "base+prefix"
    assert "was trained on 'tiny', not on this 'parrot'" in told.err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--lanes", "personna"], "there is no lane 'personna'; did you mean 'persona'?"),
        (["--lanes", "base,base"], "a lane is named twice in 'base,base'"),
        (["--prefix", "whoo=on"], "there is no prefix 'whoo' on this card; did you mean 'who'?"),
        (["--prefix", "who"], "--prefix who: write ID=on or ID=off"),
        (["--prefix", "who=maybe"], "--prefix who=maybe: write ID=on or ID=off"),
        (["--adapter", "bast"], "--adapter bast: choose best, last, or a kept epoch"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_remedy(pell: Path, flags: list[str], told: str) -> None:
    assert told in refused(say("--say", "Hi.", *flags), 2)


def test_nothing_to_say_is_wrong_usage(pell: Path) -> None:
    assert "nothing to say" in refused(say("--say", "Hi.", "--say", "  "), 2)


@pytest.mark.parametrize("arguments", [["pell"], [], ["pell", "--resume"]])
def test_a_screen_without_a_terminal_is_wrong_usage_that_names_the_way_without(
    pell: Path, home: Home, arguments: list[str]
) -> None:
    assert 'needs a terminal; without one: roleplay chat NAME --say "…"' in refused(roleplay("chat", *arguments), 2)
    assert not home.chats.exists()


@pytest.mark.parametrize("flags", [["--lanes", "base"], ["--json"]])
def test_what_goes_with_say_alone_is_wrong_usage_without_it(pell: Path, flags: list[str]) -> None:
    assert "--lanes and --json go with --say" in refused(say(*flags), 2)


def test_someone_must_answer(pell: Path) -> None:
    assert "who is to answer?" in refused(roleplay("chat", "--say", "Hi."), 2)


@pytest.mark.parametrize(
    "flags", [["--prefix", "whoo=on"], ["--lanes", "nobody"], ["--resume"], ["--resume", "--no-save"]]
)
def test_wrong_usage_is_told_before_anything_is_loaded(
    pell: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    monkeypatch.setattr("roleplay.chat.open.load_base", lambda *_, **__: pytest.fail("it loaded the base"))
    refused(say("--say", "Hi.", *flags), 1 if flags == ["--resume"] else 2)


def test_the_templates_own_prefix_is_a_switch_only_where_the_base_has_one(pell: Path) -> None:
    told = refused(say("--say", "Hi.", "--prefix", "template-default=on"), 2)
    assert "there is no prefix 'template-default' on this card" in told


@pytest.mark.parametrize(
    "flags",
    [
        ["--temperature", "-1"],
        ["--top-p", "1.5"],
        ["--min-p", "2"],
        ["--top-k", "-1"],
        ["--max-new-tokens", "0"],
        ["--repetition-penalty", "0"],
        ["--nonsense"],
    ],
)
def test_a_number_out_of_range_is_wrong_usage(pell: Path, flags: list[str]) -> None:
    told = say("--say", "Hi.", *flags)
    assert (told.status, told.out) == (2, "")
    assert flags[0] in told.err


def stored(home: Home) -> list[tuple[Any, ...]]:
    """Every turn on disk."""
    with sqlite3.connect(home.chats) as database:
        rows = database.execute("SELECT role, text, lane, prefixes, stopped FROM turns ORDER BY id").fetchall()
    database.close()
    return rows


def test_a_conversation_is_kept_but_for_no_save(pell: Path, home: Home, parrot: Path) -> None:
    flags = ("--base", parrot, "--temperature", 0, "--lanes", "base+prefix,base")
    say("--say", "Hi.", *flags, "--no-save")
    assert not home.chats.exists()
    say("--say", "Hi.", "--greet", *flags)
    kept = stored(home)
    assert kept[:2] == [("assistant", "Hello, Tom.", None, "[]", None), ("user", "Hi.", None, "[]", None)]
    assert sorted(kept[2:]) == [
        ("assistant", "Bye, Tom.", "base", "[]", "end"),
        ("assistant", "Bye, Tom.", "base+prefix", json.dumps(["who", "manner"]), "end"),
    ]


def test_a_run_that_lost_its_weights_is_an_error(tuned_pell: Path, home: Home) -> None:
    adapter = home.runs / "pell" / "whole" / "adapter" / "best"
    (adapter / "adapter_model.safetensors").unlink()
    assert "only safetensors are loaded" in refused(say("--say", "Hi."), 1)
    shutil.rmtree(adapter)
    assert say("--say", "Hi.", "--json").rows[0]["adapter"] is None
