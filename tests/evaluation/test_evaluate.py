"""A whole evaluation on the shipped base: right adapters and wrong ones are told apart, and nothing is asked twice."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from roleplay.cards.find import open_card
from roleplay.chat.open import Opened, open_character
from roleplay.dataset.corpus import Corpus
from roleplay.evaluation import asking, scoring
from roleplay.evaluation import evaluate as evaluating
from roleplay.evaluation.evaluate import evaluate, evaluated_corpus
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.place import Place, place_of
from roleplay.evaluation.report import Report
from roleplay.evaluation.scope import Scope
from roleplay.generation.replies import reply_to
from roleplay.measures.divergence import divergences
from roleplay.measures.likelihood import likelihoods
from roleplay.measures.lines import RealLines, real_lines
from roleplay.models.find import adapter_choices
from roleplay.paths import Home, shipped
from tests.evaluation.yui import opened, quiet

SMALL = Scope(
    heldout=8, heldout_dialogues=12, trained=1, trained_dialogues=2, probes=1, general=1, max_new_tokens=20, batch=24
)
"""Enough to tell adapters apart, in seconds."""


def lora(character: Opened) -> dict[str, torch.Tensor]:
    assert character.engine.tuned is not None
    return {name: weight.data for name, weight in character.engine.tuned.named_parameters() if "lora_" in name}


@dataclass(frozen=True)
class Known:
    """What does not depend on the adapter."""

    corpus: Corpus
    """Of 结衣."""
    lines: RealLines
    """Hers and everybody else's."""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """Read once: that takes a third of so small an evaluation."""
    home = Home(tmp_path_factory.mktemp("known"))
    corpus = evaluated_corpus(open_card("yui", home), opened(home))
    return Known(corpus, real_lines(open_card("yui", home), corpus, home))


@pytest.fixture
def read_once(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations of 结衣 take what is known."""
    monkeypatch.setattr(evaluating, "evaluated_corpus", lambda card_file, character: known.corpus)
    monkeypatch.setattr(evaluating, "real_lines", lambda card_file, corpus, home: known.lines)


def report_of(home: Home, character: Opened, scope: Scope = SMALL) -> tuple[Report, Place]:
    return evaluate(open_card("yui", home), home, character, scope, quiet)


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


def texts(report: Report, level: str) -> str:
    return "\n".join(finding.text for finding in report.findings if finding.level == level)


def value(report: Report, measure: str, lane: str = "persona+prefix") -> float:
    found = report.measure(measure)
    assert found is not None
    return found.lanes[lane].value


def knows_the_base(known: Known, home: Home, character: Opened, scope: Scope, of: Place) -> None:
    """An evaluation to come finds in its notebook what the base's lanes gave in another: no adapter changes those."""
    place = place_of(home, character, known.corpus, known.lines, scope)
    with Notebook(of.notebook) as found, Notebook(place.notebook) as notebook:
        notebook.put({key: value for key, value in found.items() if key.split()[1] in ("base", "base+prefix")})


@pytest.mark.usefixtures("read_once")
def test_right_adapters_and_wrong_ones_are_told_apart(home: Home, known: Known) -> None:
    """One test, so that the right one is evaluated once; its report is looked at whole."""
    reports: dict[str, Report] = {}
    changes: dict[Change, Scope] = {
        zeros: replace(SMALL, trained=0, trained_dialogues=0),
        broken: replace(SMALL, heldout=1, heldout_dialogues=8, trained=0, trained_dialogues=0),
        anothers: replace(SMALL, trained=0, trained_dialogues=0),
    }
    reports["right"], place = report_of(home, opened(home))
    has_all_its_figures(reports["right"])
    has_all_its_files(home, reports["right"], place)
    for change, scope in changes.items():
        character = opened(home)
        change(character, home)
        knows_the_base(known, home, character, scope, place)
        reports[change.__name__], _ = report_of(home, character, scope)

    assert "Held-out lines are likelier with the adapter than without" in texts(reports["right"], "good")
    assert "Replies sound like 结衣" in texts(reports["right"], "good")
    assert value(reports["right"], "heldout_bits") < value(reports["right"], "heldout_bits", "base+prefix") - 0.3

    assert "The adapter changes nothing" in texts(reports["zeros"], "warning")
    assert value(reports["zeros"], "kl", "persona") == 0
    assert value(reports["zeros"], "heldout_bits") == value(reports["zeros"], "heldout_bits", "base+prefix")
    assert "sound like 结衣:" not in texts(reports["zeros"], "good")

    worse = "Held-out lines are less likely with the adapter than without"
    assert worse in texts(reports["broken"], "warning")

    assert "Replies do not sound like 结衣" in texts(reports["anothers"], "warning")
    assert value(reports["anothers"], "style") < value(reports["right"], "style") - 0.2
    assert value(reports["anothers"], "heldout_bits") > value(reports["right"], "heldout_bits") + 0.3


def has_all_its_figures(report: Report) -> None:
    """Every section has figures in every lane that is asked."""
    sections = {measure.section for measure in report.measures}
    assert sections == {"likelihood", "overlap", "style", "manner", "probes", "retention"}
    apart = {"general": {"persona", "base"}, "retention_loss": {"persona", "base"}}
    apart |= {"kl": {"persona"}, "forgotten": {"persona"}}
    for measure in report.measures:
        assert set(measure.lanes) == apart.get(measure.name, set(report.lanes))
        for interval in measure.lanes.values():
            assert interval.low <= interval.value <= interval.high


def has_all_its_files(home: Home, report: Report, place: Place) -> None:
    """A finished evaluation is read again, with all its files."""
    again, same = report_of(home, opened(home))
    assert (same, json.dumps(asdict(again))) == (place, json.dumps(asdict(report)))
    assert report.adapter == "shipped@best"
    assert place.page.read_text(encoding="utf-8").count("data:image/png") == 2
    lines = place.predictions("base+prefix").read_text(encoding="utf-8").splitlines()
    assert [list(json.loads(line)) for line in lines] == [["prompt", "predict", "label"]] * 8
    assert json.loads(lines[0])["prompt"].startswith("<|im_start|>system")


@pytest.fixture
def small() -> Scope:
    return replace(SMALL, heldout=3, heldout_dialogues=4, trained=0, trained_dialogues=2, probes=1, max_new_tokens=8)


def test_other_weights_and_another_scope_have_other_places(home: Home, small: Scope, known: Known) -> None:
    character, corpus, lines = opened(home), known.corpus, copy.deepcopy(known.lines)
    places = {place_of(home, character, corpus, lines, scope) for scope in (small, replace(small, seed=1))}
    zeros(character, home)
    places |= {place_of(home, character, corpus, lines, scope) for scope in (small, replace(small, batch=1))}
    assert len(places) == 3, "how many replies are drawn at once changes nothing"
    lines.languages["zh"].others_train.append("Somebody else came to live here.")
    assert place_of(home, character, corpus, lines, small) not in places, "style depends on who else is known"


@pytest.mark.usefixtures("read_once")
def test_an_interrupted_evaluation_asks_nothing_twice(
    home: Home, small: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C at every few batches: the last call ends where an uninterrupted one does."""
    small = replace(small, batch=8)
    calls: list[str] = []

    def counted(inner: Callable[..., Any], limit: int | None) -> Callable[..., Any]:
        def call(*parts: Any, **named: Any) -> Any:
            if limit is not None and len(calls) >= limit:
                raise KeyboardInterrupt
            calls.append(inner.__name__)
            return inner(*parts, **named)

        return call

    def watch(limit: int | None) -> None:
        monkeypatch.setattr(asking, "reply_to", counted(reply_to, limit))
        monkeypatch.setattr(scoring, "likelihoods", counted(likelihoods, limit))
        monkeypatch.setattr(scoring, "divergences", counted(divergences, limit))

    watch(None)
    whole, _ = report_of(Home(home.root / "other"), opened(home), small)
    everything, character = len(calls), opened(home)
    calls.clear()
    for limit in (2, everything // 2, everything - 1):
        watch(limit)
        with pytest.raises(KeyboardInterrupt):
            report_of(home, character, small)
    watch(None)
    report, _ = report_of(home, character, small)

    assert len(calls) == everything
    assert report.measures == whole.measures


def test_a_base_without_an_adapter_is_measured_alone(home: Home, small: Scope, tmp_path: Path) -> None:
    source = open_card("yui", home).path
    card = tmp_path / "loner.yaml"
    card.write_text(source.read_text(encoding="utf-8").replace("name: yui", "name: loner", 1), encoding="utf-8")
    shutil.copytree(shipped() / "data" / "corpora" / "yui", tmp_path / "yui")
    loner = open_card(str(card), home)
    character = open_character(loner, home)
    assert not adapter_choices(home, "loner")

    report, _ = evaluate(loner, home, character, small, quiet)

    assert report.lanes == ("base+prefix", "base")
    assert report.adapter == "base"
    assert "loner has no adapter yet" in texts(report, "warning")
