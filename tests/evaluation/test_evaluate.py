"""A whole evaluation on the shipped base: right adapters and wrong ones are told apart, and nothing is asked twice."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.cards.find import open_card
from roleplay.chat.open import Opened, open_character
from roleplay.evaluation import asking, scoring
from roleplay.evaluation.evaluate import evaluate
from roleplay.evaluation.place import Place
from roleplay.evaluation.report import Report, read_report
from roleplay.evaluation.scope import Scope
from roleplay.generation.replies import reply_to
from roleplay.models.find import adapter_choices
from roleplay.paths import Home

SMALL = Scope(heldout=12, heldout_dialogues=24, trained=2, trained_dialogues=8, general=2, max_new_tokens=32, batch=24)
"""Enough to tell adapters apart, in seconds."""


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Sums in one order, and no fight for cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def quiet(step: str, done: int, total: int) -> None:
    """Hears nothing."""


def opened(home: Home, name: str = "yui") -> Opened:
    return open_character(open_card(name, home), home)


def lora(character: Opened) -> dict[str, torch.Tensor]:
    assert character.engine.tuned is not None
    return {name: weight.data for name, weight in character.engine.tuned.named_parameters() if "lora_" in name}


def report_of(home: Home, character: Opened, scope: Scope = SMALL) -> tuple[Report, Place]:
    return evaluate(open_card("yui", home), home, character, scope, quiet)


def right(character: Opened, home: Home) -> None:
    """As it ships."""


def zeros(character: Opened, home: Home) -> None:
    """An adapter that is a prefix and nothing else."""
    for name, weight in lora(character).items():
        if "lora_B" in name:
            weight.zero_()


def broken(character: Opened, home: Home) -> None:
    """B matrices of the right size, and random."""
    torch.manual_seed(0)
    for name, weight in lora(character).items():
        if "lora_B" in name:
            weight.copy_(torch.randn_like(weight) * weight.std() * 3)


def anothers(character: Opened, home: Home) -> None:
    """The English mole's."""
    theirs = lora(opened(home, "dot"))
    for name, weight in lora(character).items():
        weight.copy_(theirs[name])


Change = Callable[[Opened, Home], None]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Of the right adapter and of three wrong ones."""
    home = Home(tmp_path_factory.mktemp("evaluations"))
    found = {}
    changes: tuple[Change, ...] = (right, zeros, broken, anothers)
    for change in changes:
        character = opened(home)
        change(character, home)
        found[change.__name__] = report_of(home, character)[0]
    return found


def texts(report: Report, level: str) -> str:
    return "\n".join(finding.text for finding in report.findings if finding.level == level)


def value(report: Report, measure: str, lane: str = "persona+prefix") -> float:
    found = report.measure(measure)
    assert found is not None
    return found.lanes[lane].value


def test_the_right_adapter_is_found_to_have_learned_the_voice(reports: dict[str, Report]) -> None:
    report = reports["right"]

    assert "Held-out lines are likelier with the adapter than without" in texts(report, "good")
    assert "Replies sound like 结衣" in texts(report, "good")
    assert value(report, "heldout_bits") < value(report, "heldout_bits", "base+prefix") - 0.3
    assert report.adapter == "shipped@best"


def test_an_adapter_of_zeros_is_found_to_change_nothing(reports: dict[str, Report]) -> None:
    report = reports["zeros"]

    assert "The adapter changes nothing" in texts(report, "warning")
    assert value(report, "kl", "persona") == 0
    assert value(report, "heldout_bits") == value(report, "heldout_bits", "base+prefix")
    assert "sound like 结衣:" not in texts(report, "good")


def test_a_broken_adapter_is_found_to_be_worse_than_none(reports: dict[str, Report]) -> None:
    report = reports["broken"]

    assert "Held-out lines are less likely with the adapter than without" in texts(report, "warning")
    assert value(report, "heldout_bits") > value(report, "heldout_bits", "base+prefix")


def test_the_adapter_of_another_character_is_found_to_have_another_voice(reports: dict[str, Report]) -> None:
    report = reports["anothers"]

    assert "Replies do not sound like 结衣" in texts(report, "warning")
    assert value(report, "style") < value(reports["right"], "style") - 0.2
    assert value(report, "heldout_bits") > value(reports["right"], "heldout_bits") + 0.3


def test_every_section_has_figures_in_every_lane_that_is_asked(reports: dict[str, Report]) -> None:
    report = reports["right"]

    sections = {measure.section for measure in report.measures}
    assert sections == {"likelihood", "overlap", "style", "manner", "probes", "retention"}
    for measure in report.measures:
        wanted = {"general": {"persona", "base"}, "retention_loss": {"persona", "base"}}
        alone = {"kl": {"persona"}, "forgotten": {"persona"}}
        assert set(measure.lanes) == {**wanted, **alone}.get(measure.name, set(report.lanes))
        for interval in measure.lanes.values():
            assert interval.low <= interval.value <= interval.high


@pytest.fixture
def small() -> Scope:
    return replace(SMALL, heldout=3, heldout_dialogues=4, trained=0, trained_dialogues=2, general=1, max_new_tokens=8)


def test_a_finished_evaluation_is_read_again_and_has_all_its_files(home: Home, small: Scope) -> None:
    report, place = report_of(home, opened(home), small)
    again, same = report_of(home, opened(home), small)

    assert same == place
    assert json.dumps(asdict(again)) == json.dumps(asdict(report))
    assert read_report(place.report) == again
    assert place.page.read_text(encoding="utf-8").count("data:image/png") == 2
    lines = place.predictions("base+prefix").read_text(encoding="utf-8").splitlines()
    assert [list(json.loads(line)) for line in lines] == [["prompt", "predict", "label"]] * 3
    assert json.loads(lines[0])["prompt"].startswith("<|im_start|>system")


def test_other_weights_another_scope_and_another_card_have_other_places(home: Home, small: Scope) -> None:
    places = [report_of(home, opened(home), small)[1], report_of(home, opened(home), replace(small, seed=1))[1]]
    character = opened(home)
    zeros(character, home)
    places.append(report_of(home, character, small)[1])

    assert len({place.folder for place in places}) == 3


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_an_interrupted_evaluation_asks_nothing_twice(
    home: Home, small: Scope, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    """Ctrl-C at the third batch, and so on: the next call ends where an uninterrupted one does."""
    small = replace(small, batch=8)
    calls: list[str] = []

    def counted(name: str, inner: Callable[..., Any], limit: int | None) -> Callable[..., Any]:
        def call(*parts: Any, **named: Any) -> Any:
            if limit is not None and len(calls) >= limit:
                raise KeyboardInterrupt
            calls.append(name)
            return inner(*parts, **named)

        return call

    def watch(limit: int | None) -> None:
        monkeypatch.setattr(asking, "reply_to", counted("replies", reply_to, limit))
        monkeypatch.setattr(scoring, "likelihoods", counted("scores", _likelihoods, limit))
        monkeypatch.setattr(scoring, "divergences", counted("kl", _divergences, limit))

    watch(None)
    whole, _ = report_of(Home(home.root / "other"), opened(home), small)
    everything = len(calls)
    calls.clear()
    watch(everything * stop // 8)
    with pytest.raises(KeyboardInterrupt):
        report_of(home, opened(home), small)
    watch(None)
    report, _ = report_of(home, opened(home), small)

    assert len(calls) == everything
    assert report.measures == whole.measures


_likelihoods, _divergences = scoring.likelihoods, scoring.divergences


def test_a_base_without_an_adapter_is_measured_alone(home: Home, small: Scope, tmp_path: Path) -> None:
    source = open_card("yui", home)
    card = tmp_path / "loner.yaml"
    text = source.path.read_text(encoding="utf-8").replace("name: yui", "name: loner", 1)
    corpora = str(source.path.parents[1] / "data" / "corpora" / "yui")
    card.write_text(text.replace("path: yui/", f"path: {corpora}/"), encoding="utf-8")
    loner = open_card(str(card), home)
    character = open_character(loner, home)
    assert not adapter_choices(home, "loner")

    report, _ = evaluate(loner, home, character, small, quiet)

    assert report.lanes == ("base+prefix", "base")
    assert report.adapter == "base"
    assert "loner has no adapter yet" in texts(report, "warning")
