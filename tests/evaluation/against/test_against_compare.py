"""Two adapters on a random base: asked alike, compared, found again, and their figures those of the models."""

import json
import shutil
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import CardFile, load_card
from roleplay.chat.open import Opened, open_on
from roleplay.corpora.pairs import Pair
from roleplay.dialogue import Turn
from roleplay.errors import EvaluationError
from roleplay.evaluation import asking
from roleplay.evaluation.against import draws
from roleplay.evaluation.against.asked import Asked
from roleplay.evaluation.against.compare import compare
from roleplay.evaluation.against.comparison import Comparison, Figure
from roleplay.evaluation.against.draws import PER_PROMPT, TEMPERATURE
from roleplay.evaluation.against.earlier import earlier_adapter
from roleplay.evaluation.against.place import Place
from roleplay.evaluation.evaluate import evaluated_corpus
from roleplay.evaluation.prompts import prompts_of
from roleplay.evaluation.scope import Scope
from roleplay.paths import Home
from roleplay.preference.pair_scores import pair_nats
from roleplay.preference.rewards.spec import parse_reward
from tests.evaluation.against.made_runs import finished_run
from tests.evaluation.yui import quiet
from tests.tiny import load_tiny_base, save_tiny_base
from tests.training.pell import TALK, write_pell

SMALL = Scope(
    heldout=8, heldout_dialogues=8, trained=0, trained_dialogues=1, probes=0, general=1, max_new_tokens=6, batch=32
)
MORE = "".join(f"- - user: Parcel {n}?\n  - char: Over there, number {n}.\n" for n in range(50))
PAIRS = [Pair((Turn("user", f"Tea {n}?"),), f"Yes, {n}.", f"No tea {n} today.", "swipe", ("who",)) for n in range(8)]
LONG = Pair((Turn("user", "word " * 900),), "Yes.", "No.", "swipe")


@dataclass
class Made:
    """A card with two runs, the second from the first, and what comparing them gave."""

    home: Home
    card_file: CardFile
    base: Path
    found: Comparison
    place: Place
    asked_now: list[str]
    """Lanes of every reply that is asked for."""
    asked_lanes: list[str] = field(default_factory=list)
    """Of every reply that the first comparison asked for."""

    def open(self, run: str) -> Opened:
        folder = self.home.runs / "pell" / run / "adapter" / "best"
        return open_on(self.card_file, self.home, load_tiny_base(self.base), folder)

    def compare(self, run: str, against: str, asked: Asked) -> tuple[Comparison, Place]:
        after = self.open(run)
        return compare(self.card_file, after, earlier_adapter(after, against), asked, quiet)

    def figure(self, name: str) -> Figure:
        found = self.found.figure(name)
        assert found is not None
        return found


ASKED = Asked(SMALL, [*PAIRS, LONG], parse_reward("2*stop - longer(30)"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Iterator[Made]:
    root = tmp_path_factory.mktemp("against")
    home, base = Home(root / "home"), save_tiny_base(root / "tiny", chatml_tokenizer)
    card_file = load_card(write_pell(root / "characters", base, talk=TALK + MORE))
    lanes: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr("roleplay.cards.find.shipped", lambda: root / "shipped")
        patch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)
        patch.setattr("os.fsync", lambda handle: None)
        for name in ("draw_lanes", "draw_style", "write_page"):
            patch.setattr(f"roleplay.evaluation.evaluate.{name}", lambda *_: None)
        patch.setattr("roleplay.evaluation.against.compare.draw_differences", lambda *_: None)
        first = finished_run(home, "first", base, 1)
        finished_run(home, "tuned", base, 2, from_adapter=str(first.adapter("best")))
        for module in (asking, draws):
            real = module.reply_to

            def noted(engine: object, asked: list[object], *rest: object, real: object = real) -> object:
                lanes.extend(lane.name for lane in asked)  # type: ignore[attr-defined]
                return real(engine, asked, *rest)  # type: ignore[operator]

            patch.setattr(module, "reply_to", noted)
        made = Made(home, card_file, base, None, None, lanes)  # type: ignore[arg-type]
        made.found, made.place = made.compare("tuned", "start", ASKED)
        made.asked_lanes = list(lanes)
        yield made


def test_everything_is_compared_and_kept(made: Made) -> None:
    names = [figure.name for figure in made.found.figures]

    assert (made.found.before, made.found.after, made.found.base) == ("first@best", "tuned@best", "tiny")
    assert names[:5] == ["pair_accuracy", "implicit_accuracy", "reward", "reward stop", "reward longer(30)"]
    assert {"moved_reply", "moved_token", "heldout_bits", "stopped", "distinct_2", "repeats", "kl"} <= set(names)
    assert json.loads(made.place.comparison.read_bytes()) == json.loads(json.dumps(asdict(made.found)))
    assert made.place.folder.name.startswith("tuned@best-against-first@best-")
    assert "Pell" in made.place.page.read_text(encoding="utf-8")
    assert made.found.counts["held-out pairs"] == 8
    assert made.found.counts["pairs too long"] == 1
    assert made.found.counts["drawn replies"] == PER_PROMPT * made.found.counts["heldout prompts"]
    parts = [sample.part for sample in made.found.samples]
    assert parts.count("heldout") == 5
    assert parts.count("drawn") == 5
    assert len({sample.prompt for sample in made.found.samples if sample.part == "drawn"}) == 5


def test_a_second_comparison_asks_nothing_and_finds_the_same(made: Made) -> None:
    made.asked_now.clear()

    again, place = made.compare("tuned", "first@best", ASKED)

    assert made.asked_now == []
    assert made.asked_lanes.count("persona@tuned@best+prefix") == made.found.counts["drawn replies"]
    assert (again, place) == (made.found, made.place)


def test_the_lanes_of_the_base_are_asked_once_for_both(made: Made) -> None:
    lanes = made.asked_lanes

    assert lanes.count("base") > 0
    assert lanes.count("persona") == 2 * lanes.count("base")
    general = lanes.count("base") - made.found.counts["heldout prompts"]
    assert lanes.count("base+prefix") + general == lanes.count("base")


def test_agreement_with_choices_is_that_of_each_adapter_alone(made: Made) -> None:
    scores = []
    for run in ("first", "tuned"):
        opened = made.open(run)
        scores.append(pair_nats(opened.engine.tuned, opened.voice, PAIRS, 512, opened.engine.pad))
    before, after = scores

    accuracy, implicit = made.figure("pair_accuracy"), made.figure("implicit_accuracy")
    assert accuracy.before is not None
    assert accuracy.before.value == sum(one.right for one in before) / 8
    assert accuracy.after.value == sum(one.right for one in after) / 8
    assert accuracy.difference is not None
    assert implicit.after.value == sum(b.margin(a) > 0 for a, b in zip(before, after, strict=True)) / 8
    assert implicit.before is None


def test_the_distance_is_the_mean_log_ratio_of_the_drawn_replies(made: Made) -> None:
    """By hand: each reply after its prompt, one at a time, by adapters that never met."""
    notes = noted_values(made.place)
    first, tuned = (made.open(run) for run in ("first", "tuned"))
    asked = {one.key: one for one in prompts_of(evaluated_corpus(made.card_file, tuned), SMALL)}
    ratios, tokens = [], 0
    for key in [key for key in notes if key.startswith("drawn after ")]:
        number, prompt_key = key.split()[2:]
        renderer, text = tuned.voice.renderer, notes[key]["text"]
        reply = renderer.answer_ids(text) if notes[key]["stopped"] == "end" else renderer.text_ids(text)
        ids = tuned.voice.prompt_ids(asked[prompt_key].turns, ["who", "manner"])
        before, after = (log_likelihood(opened, ids, reply) for opened in (first, tuned))
        assert notes[f"moved {prompt_key} {number}"] == pytest.approx(after - before, rel=1e-3, abs=1e-4)
        ratios.append(after - before)
        tokens += len(reply)

    assert len(ratios) == made.found.counts["drawn replies"]
    assert made.figure("moved_reply").after.value == pytest.approx(sum(ratios) / len(ratios), rel=1e-3)
    assert made.figure("moved_token").after.value == pytest.approx(sum(ratios) / tokens, rel=1e-3)
    assert made.figure("moved_reply").after.low > 0


def noted_values(place: Place) -> dict[str, Any]:
    lines = place.notebook.read_text(encoding="utf-8").splitlines()
    return {key: value for line in lines for key, value in json.loads(line).items()}


def log_likelihood(opened: Opened, prompt: list[int], reply: list[int]) -> float:
    with torch.no_grad():
        logits = opened.engine.tuned(torch.tensor([[*prompt, *reply]])).logits[0]  # type: ignore[misc]
    logs = (logits.double() / TEMPERATURE).log_softmax(-1)
    return sum(float(logs[len(prompt) - 1 + at, token]) for at, token in enumerate(reply))


def test_a_reward_is_the_weighted_sum_of_its_terms_over_the_drawn_replies(made: Made) -> None:
    notes = noted_values(made.place)
    stop, longer, total = (made.figure(f"reward{name}") for name in (" stop", " longer(30)", ""))

    for side in ("before", "after"):
        ended = [value["stopped"] == "end" for key, value in notes.items() if key.startswith(f"drawn {side} ")]
        own = getattr(stop, side).value
        assert own == pytest.approx(statistics.fmean(ended))
        assert getattr(total, side).value == pytest.approx(2 * own - getattr(longer, side).value)
    assert (stop.better, longer.better, total.better) == ("higher", "lower", "higher")
    assert total.title == "reward '2*stop - longer(30)'"


def test_the_same_weights_changed_nothing(made: Made) -> None:
    copy = finished_run(made.home, "copy")
    shutil.rmtree(copy.adapter("best"))
    shutil.copytree(made.home.runs / "pell" / "first" / "adapter" / "best", copy.adapter("best"))

    found, _ = made.compare("copy", "first", Asked(SMALL, PAIRS))

    assert [finding.text[:16] for finding in found.findings] == ["Nothing changed:"]
    assert found.figure("reward") is None
    assert "pairs too long" not in found.counts
    shutil.rmtree(copy.folder)


def test_a_run_that_cut_dialogues_elsewhere_is_asked_as_the_other_was(made: Made) -> None:
    finished_run(made.home, "short", made.base, 2, max_length=64)

    found, place = made.compare("short", "first", Asked(SMALL))

    assert place.before.is_file()
    assert not made.place.before.exists()
    bits, alike = found.figure("heldout_bits"), made.figure("heldout_bits")
    assert bits is not None
    assert bits.before != alike.before, "histories are shorter now, before as well as after"
    assert bits.difference is not None
    shutil.rmtree(made.home.runs / "pell" / "short")


def test_a_base_that_answers_alone_has_nothing_to_compare(made: Made) -> None:
    alone = open_on(made.card_file, made.home, load_tiny_base(made.base), None)
    earlier = earlier_adapter(made.open("tuned"), "first")

    with pytest.raises(EvaluationError, match="pell has no adapter on this base to compare"):
        compare(made.card_file, alone, earlier, ASKED, quiet)
