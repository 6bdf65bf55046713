"""Which base and which adapter answer for a character, and what is said where they do not fit."""

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.open import open_character
from roleplay.chat.session import Session
from roleplay.errors import AdapterError, BaseModelError, TemplateError
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.generation.settings import Sampling
from roleplay.models.promoted import promote
from roleplay.paths import Home
from tests.tiny import save_tiny_adapter, save_tiny_base

CARD = """schema: 1
name: mimi
display_name: Mimi
language: en
prefixes:
  - {id: who, text: "You are {{char}}."}
  - {id: late, text: "It is late.", default: false}
"""


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CardFile:
    """The card of mimi; nothing that ships is in reach."""
    for module in ("roleplay.models.find", "roleplay.models.spec", "roleplay.cards.load"):
        monkeypatch.setattr(f"{module}.shipped", lambda: tmp_path / "shipped")
    (tmp_path / "mimi.yaml").write_text(CARD)
    return load_card(tmp_path / "mimi.yaml")


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base of the same shape with other weights; beside it, in `adapter`, an adapter on it."""
    folder = save_tiny_base(tmp_path_factory.mktemp("other") / "other", chatml_tokenizer, seed=1, context=128)
    save_tiny_adapter(folder, folder.parent / "adapter", run="strange")
    return folder


def make_run(home: Home, name: str, base: Path, *, age: float = 0, finished: bool = True) -> Path:
    """A run of mimi on `base` that ended `age` seconds ago; its `last` is one step further than its `best`."""
    run = home.runs / "mimi" / name
    for which, step in (("best", 3), ("last", 4)):
        passport = shutil.copytree(base.parent / "adapter", run / "adapter" / which) / "roleplay.json"
        passport.write_text(json.dumps(json.loads(passport.read_text()) | {"run": name, "step": step}))
    (run / "run.json").write_text(json.dumps({"base_source": str(base)}))
    if finished:
        (run / "summary.json").write_text("{}")
        when = time.time() - age
        os.utime(run / "summary.json", (when, when))
    return run


def ship_pocket(base: Path, target: Path) -> None:
    shutil.copytree(base, target)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in target.iterdir()]
    (target / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def test_a_character_without_a_run_is_opened_with_a_notice_that_says_what_to_do(
    card: CardFile, home: Home, folder: Path
) -> None:
    opened = open_character(card, home, base=str(folder))

    assert opened.passport is None
    assert opened.engine.tuned is None
    assert opened.notice == (
        "mimi has no adapter yet. The base answers with the prefix alone; 'roleplay train mimi' gives it the voice"
    )
    assert [prefix.id for prefix in opened.voice.prefixes] == ["who", "late"]
    assert opened.engine.end_ids == [opened.engine.base.tokenizer.convert_tokens_to_ids("<|im_end|>")]


def test_the_newest_finished_run_answers_on_its_own_base(card: CardFile, home: Home, folder: Path) -> None:
    make_run(home, "zero", folder, age=500)
    make_run(home, "newest", folder, age=10)
    make_run(home, "ahead", folder, age=200)
    make_run(home, "unfinished", folder, finished=False)

    opened = open_character(card, home)

    assert opened.passport is not None
    assert (opened.passport.run, opened.passport.step) == ("newest", 3)
    assert opened.engine.base.spec.folder == folder
    assert opened.engine.tuned is not None
    assert opened.notice == ""


def test_only_unfinished_runs_are_as_good_as_none(card: CardFile, home: Home, folder: Path) -> None:
    make_run(home, "unfinished", folder, finished=False)

    assert "mimi has no adapter yet" in open_character(card, home, base=str(folder)).notice


def test_the_last_adapter_of_a_run_answers_if_asked_for(card: CardFile, home: Home, folder: Path) -> None:
    make_run(home, "only", folder)

    opened = open_character(card, home, which="last")

    assert opened.passport is not None
    assert opened.passport.step == 4


def test_an_adapter_of_another_base_stays_silent_and_the_notice_says_why(
    card: CardFile, home: Home, folder: Path, other: Path
) -> None:
    run = make_run(home, "mine", folder)

    opened = open_character(card, home, base=str(other))

    assert opened.passport is None
    assert opened.engine.tuned is None
    assert f"the adapter in {run / 'adapter' / 'best'} was trained on 'base', not on this 'other'" in opened.notice
    assert "(differing: weights)" in opened.notice
    assert opened.notice.endswith("'roleplay train mimi' gives it the voice")


def test_an_older_run_that_fits_answers_before_a_newer_one_that_does_not(
    card: CardFile, home: Home, folder: Path, other: Path
) -> None:
    make_run(home, "fits", other, age=500)
    make_run(home, "newer", folder, age=5)

    opened = open_character(card, home, base=str(other))

    assert opened.passport is not None
    assert opened.passport.run == "fits"
    assert "newer" in opened.notice
    assert "(differing: weights)" in opened.notice
    assert "answers with the prefix alone" not in opened.notice


def test_a_run_is_chosen_by_its_name(card: CardFile, home: Home, folder: Path, other: Path) -> None:
    make_run(home, "older", other, age=500)
    make_run(home, "newer", folder)

    opened = open_character(card, home, run="older")

    assert opened.passport is not None
    assert opened.passport.run == "older"
    assert opened.engine.base.spec.folder == other
    assert opened.notice == ""


@pytest.mark.parametrize(
    ("typed", "remedy"),
    [("first-rum", "did you mean 'first-run'?"), ("xyz", "known: first-run"), ("undone", "known: first-run")],
)
def test_a_run_that_is_not_there_is_an_error_with_the_nearest(
    typed: str, remedy: str, card: CardFile, home: Home, folder: Path
) -> None:
    make_run(home, "first-run", folder)
    make_run(home, "undone", folder, finished=False)

    with pytest.raises(AdapterError) as caught:
        open_character(card, home, run=typed)

    assert str(caught.value) == f"mimi has no finished run '{typed}'; {remedy}"


def test_what_ships_is_no_run(card: CardFile, home: Home, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder.parent / "adapter", tmp_path / "shipped" / "data" / "adapters" / "mimi" / "best")

    with pytest.raises(AdapterError, match="mimi has no finished run 'adapters'; there is none yet"):
        open_character(card, home, run="adapters", base=str(folder))


def test_a_run_that_was_asked_for_must_fit(card: CardFile, home: Home, folder: Path, other: Path) -> None:
    make_run(home, "mine", folder)

    with pytest.raises(AdapterError, match=r"trained on 'base', not on this 'other' \(differing: weights\)"):
        open_character(card, home, run="mine", base=str(other))


def test_the_base_is_the_typed_one_else_the_adapters_else_the_cards_else_pocket(
    card: CardFile, home: Home, folder: Path, other: Path, tmp_path: Path
) -> None:
    def opened_base(card_file: CardFile, base: str | None = None) -> str:
        return str(open_character(card_file, home, base=base).engine.base.spec.source)

    ship_pocket(folder, tmp_path / "shipped" / "data" / "pocket")
    with_base = CardFile(card.card.model_copy(update={"base": str(other)}), card.path, card.lines)

    assert opened_base(card) == str(tmp_path / "shipped" / "data" / "pocket")
    assert opened_base(with_base) == str(other)
    make_run(home, "mine", folder)
    assert opened_base(with_base) == str(folder)
    assert opened_base(with_base, str(other)) == str(other)


def test_what_ships_answers_without_a_run_and_without_a_network(
    card: CardFile, home: Home, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    made = save_tiny_base(tmp_path / "made" / "pocket", chatml_tokenizer, context=128)
    ship_pocket(made, tmp_path / "shipped" / "data" / "pocket")
    save_tiny_adapter(made, tmp_path / "shipped" / "data" / "adapters" / "mimi" / "best", run="release")

    opened = open_character(card, home)

    assert opened.passport is not None
    assert (opened.passport.run, opened.passport.base.name) == ("release", "pocket")
    assert opened.engine.base.spec.name == "pocket"
    assert opened.notice == ""


def test_a_base_without_a_chat_template_is_refused(card: CardFile, home: Home, folder: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "chat_template.jinja").unlink()

    with pytest.raises(TemplateError, match="has no chat template"):
        open_character(card, home, base=str(bare))


def test_a_run_whose_base_is_gone_says_which_folder_is_missing(
    card: CardFile, home: Home, folder: Path, tmp_path: Path
) -> None:
    run = make_run(home, "homeless", folder)
    (run / "run.json").write_text(json.dumps({"base_source": "/no/such/base"}))

    with pytest.raises(BaseModelError, match="there is no folder /no/such/base"):
        open_character(card, home)


def test_four_lanes_take_one_load_of_the_weights_and_one_generate_call(
    card: CardFile, home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(home, "mine", folder)
    calls: list[str] = []

    def counted(owner: Any, name: str) -> None:
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **k: (calls.append(name), real(*a, **k))[1])

    counted(AutoModelForCausalLM, "from_pretrained")
    opened = open_character(card, home)
    counted(opened.engine.base.model, "generate")
    session = Session(card.card, opened.voice.prefixes, opened, None)

    session.say("Hi")
    heard = session.answer(list(LANES.values()), Sampling(temperature=0, max_new_tokens=5))
    done = [event for event in heard if isinstance(event, Finished)]

    assert len(done) == 4
    assert calls == ["from_pretrained", "generate"]
    assert opened.engine.tuned.get_base_model() is opened.engine.base.model, "the persona wears the base's own weights"


def test_a_promoted_adapter_that_is_gone_is_told_before_the_rest(card: CardFile, home: Home, folder: Path) -> None:
    run = make_run(home, "mine", folder)
    promote(home, "mimi", "mine")
    shutil.rmtree(run)

    gone = "mine@best was promoted for mimi and is gone, so that "
    assert open_character(card, home, base=str(folder)).notice.startswith(
        f"{gone}the base answers alone; promote another with 'roleplay runs promote mimi RUN', or none with --none. "
        "mimi has no adapter yet"
    )
    make_run(home, "other", folder)
    assert open_character(card, home).notice.startswith(f"{gone}other@best answers; ")
    assert open_character(card, home, run="other").notice == "", "whoever names a run has chosen"
