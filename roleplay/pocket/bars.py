"""What the shipped adapters are worth: `python -m roleplay.pocket.bars` measures them and writes their cards."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from roleplay.cards.find import open_card
from roleplay.cards.load import CardFile
from roleplay.cards.model import Card
from roleplay.cards.prompt import default_prefixes, fill
from roleplay.chat.open import Opened, open_character
from roleplay.chat.question import Ask, Question
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.sample import build_sample
from roleplay.dataset.unit import Losses, Unit, plan_units
from roleplay.dialogue import Turn
from roleplay.errors import RoleplayError
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.measures.duplicates import repeated_share
from roleplay.measures.interval import Interval
from roleplay.measures.likelihood import likelihoods, mean_loss
from roleplay.measures.overlap import rouge_l
from roleplay.paths import Home, shipped, write_file
from roleplay.pocket.adapters import CHARACTERS
from roleplay.pocket.compare import two_threads
from roleplay.pocket.figures import FIGURES, Bars, bars_before, missed, write_bars
from roleplay.pocket.mixture import OWN_CHATS, as_messages, is_heldout, own_chats
from roleplay.text import draw
from roleplay.training.proof import lane_bits, sample_bits

PROMPTS = 60
"""Training prompts whose answers are compared."""
RECITED = 0.9
"""ROUGE-L from which a reply counts as the trained answer."""
LONGEST = 128
"""Tokens after which a reply that has not stopped is cut."""
_TOLD = 20

Prompt = tuple[tuple[Turn, ...], str]
"""History, and the answer that a corpus gives to it."""


def measure(card_file: CardFile, last: Opened, best: Opened) -> Bars:
    """Ask both adapters of a character as a chat would ask them."""
    pad = int(last.engine.base.tokenizer.pad_token_id)
    corpus = build_corpus(card_file, last.voice.renderer, limit=last.engine.base.context, seed=0)
    trained = training_prompts(corpus)
    heldout = [prompt for row in corpus.heldout() for prompt in asked(row.unit)]
    heard = [reply(best, turns, [LANES["persona+prefix"]])[0] for turns, _ in _told(heldout, "held out")]
    return Bars(
        training_prompts=len(trained),
        recited=recited(last, trained, card_file),
        training_loss=mean_loss(likelihoods(last.engine.tuned, [corpus.sample(row) for row in corpus.epoch(0)], pad)),
        heldout_bits=lane_bits(best.engine.tuned, corpus, pad),
        general_bits={language: general_bits(best, language, pad) for language in ("zh", "en")},
        heldout_prompts=len(heldout),
        stopped=sum(answer.stopped == "end" for answer in heard) / len(heard),
        tokens_per_second=sum(answer.tokens for answer in heard) / sum(answer.seconds for answer in heard),
        repeated=repeated_share(answers(corpus)),
    )


def asked(unit: Unit) -> list[Prompt]:
    """Every answer of a unit that a person's turn comes before: (history, answer)."""
    turns = unit.dialogue.turns
    return [(unit.history(i), turns[i].text) for i in unit.answers if i > 0 and turns[i - 1].role == "user"]


def training_prompts(corpus: Corpus) -> list[Prompt]:
    """`PROMPTS` trained answers with their history, chosen by a hash; openings have many answers and are left out."""
    found = [
        (draw(unit.identity, k, "bars"), prompt)
        for part in corpus.corpora
        for unit in part.train
        for k, prompt in enumerate(asked(unit))
    ]
    return [prompt for _, prompt in sorted(found, key=lambda pair: pair[0])[:PROMPTS]]


def recited(last: Opened, prompts: Sequence[Prompt], card_file: CardFile) -> dict[str, float]:
    """Share of `prompts` that each lane with the prefix answers as the corpus does."""
    lanes = [LANES["persona+prefix"], LANES["base+prefix"]]
    hits = dict.fromkeys((lane.name for lane in lanes), 0)
    for turns, answer in _told(prompts, "by heart"):
        for finished in reply(last, turns, lanes):
            same = rouge_l(finished.text, fill(answer, card_file.card), card_file.card.language)
            hits[finished.lane.name] += same >= RECITED
    return {lane: count / len(prompts) for lane, count in hits.items()}


def reply(opened: Opened, turns: tuple[Turn, ...], lanes: Sequence[Lane]) -> list[Finished]:
    """Greedy replies of `lanes`, sent what a new chat would send."""
    active = tuple(default_prefixes(opened.voice.prefixes))
    asks = tuple(Ask(lane, active if lane.prefix else (), 0, turns) for lane in lanes)
    question = Question(asks, Sampling(temperature=0, max_new_tokens=LONGEST))
    return [event for event in opened.answer(question) if isinstance(event, Finished)]


def general_bits(best: Opened, language: str, pad: int) -> dict[str, Interval]:
    """Bits per character of everyday chats that `pocket` never saw, tuned and untouched, without the prefixes."""
    limit = best.engine.base.context
    units: list[Unit] = []
    for dialogue in own_chats(shipped() / "data" / "pocket" / "chats", language):
        if is_heldout(as_messages(dialogue), OWN_CHATS):
            units += plan_units(best.voice, dialogue, "general", [()], limit, Losses())
    samples = [build_sample(best.voice, unit, (), limit) for unit in units]
    groups = [unit.dialogue.identity for unit in units]
    lanes = [LANES["persona"], LANES["base"]]
    return {lane.name: sample_bits(best.engine.tuned, lane.adapter, samples, groups, pad) for lane in lanes}


def answers(corpus: Corpus) -> list[str]:
    """Everything the character says in its corpora."""
    units = [unit for part in corpus.corpora for unit in part.train + part.heldout]
    return [unit.dialogue.turns[i].text for unit in units for i in unit.answers]


def adapter_card(card: Card, bars: Bars, before: Bars | None = None) -> str:
    """The card of a character's shipped adapters, beside those on the base `before`."""
    lanes = [
        f"| {lane} | {_interval(bits)} |" + (f" {_interval(before.heldout_bits[lane])} |" if before else "")
        for lane, bits in bars.heldout_bits.items()
    ]
    everyday = [
        f"| {language} | {_interval(bits['persona'])} | {_interval(bits['base'])} |"
        for language, bits in bars.general_bits.items()
    ]
    return _CARD.format(
        card=card,
        bars=bars,
        persona=bars.recited["persona+prefix"],
        base=bars.recited["base+prefix"],
        lanes="\n".join([*(_WITH_BEFORE if before else _ALONE), *lanes]),
        others=_others(bars, before),
        everyday="\n".join(everyday),
    )


def _others(bars: Bars, before: Bars | None) -> str:
    if before is None:
        return ""
    note = "\n\n`before`: the adapters they replace, on the `pocket` before this one"
    if before.heldout_prompts != bars.heldout_prompts:
        note += f"; those answered {before.heldout_prompts} held-out prompts of other corpora, and are no comparison"
    return note + "."


def _interval(bits: Interval) -> str:
    return f"{bits.value:.3f} [{bits.low:.3f}, {bits.high:.3f}]"


def _told(prompts: Sequence[Prompt], label: str) -> Iterator[Prompt]:
    for i, prompt in enumerate(prompts):
        if i % _TOLD == 0:
            sys.stderr.write(f"{label}: {i}/{len(prompts)}\n")
        yield prompt


_ALONE = ("| lane | bits per character |", "| --- | --- |")
_WITH_BEFORE = ("| lane | bits per character | before |", "| --- | --- | --- |")
_CARD = """# {card.display_name} on pocket

![training and held-out loss](loss.png)

Made by `python -m roleplay.pocket.adapters` (preset `pocket`; `metrics.jsonl` holds the curve), measured by
`python -m roleplay.pocket.bars` in float32 on the CPU with two threads. `best/` is the adapter with the lowest held-out
loss, the one chat uses; `last/` is the end of the run, which has learned the most by heart
(`roleplay chat {card.name} --adapter last`).

- **By heart** (`last`): of {bars.training_prompts} training prompts with their history, greedy replies reach
  ROUGE-L ≥ 0.9 with the trained answer for {persona:.1%} with adapter and prefix, for {base:.1%} with the base and the
  prefix. Training loss {bars.training_loss:.3f} nats per trained token. Openings, to which many answers are right, are
  not asked.
- **Ends by itself** (`best`): {bars.stopped:.1%} of the greedy replies to all {bars.heldout_prompts} held-out prompts
  within 128 tokens, at {bars.tokens_per_second:.0f} tokens a second, one lane at a time.
- **Repeats itself**: {bars.repeated:.1%} of the corpora's answers longer than 12 characters are equal to another or
  near it (more than 0.6 of their character 4-grams shared).

Held-out answers, `best`, bits per character with 95 % intervals over dialogues (lower is better):

{lanes}{others}

Everyday chat that neither adapter nor base has seen, without any prefix of the character, `best`, bits per character:
what the adapter costs where it has no business.

| language | persona | base |
| --- | --- | --- |
{everyday}
"""


def main() -> None:
    """Measure every character that ships, or those that are named; write figures and card beside its adapters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(CHARACTERS)}")
    parser.add_argument("--target", type=Path, default=Path("data/adapters"), help="where the cards are written")
    parser.add_argument("--check", action="store_true", help="status 1 where a bar is missed, each named on stdout")
    chosen = parser.parse_args()
    try:
        found = _measure_all(chosen.names or CHARACTERS, chosen.target)
    except RoleplayError as error:
        sys.exit(str(error))
    if chosen.check:
        sys.stdout.writelines(f"{one}\n" for one in found)
        sys.exit(1 if found else 0)


def _measure_all(names: Sequence[str], target: Path) -> list[str]:
    """The bars that are missed."""
    found = []
    with tempfile.TemporaryDirectory() as nothing, two_threads():
        home = Home(Path(nothing))  # without runs of its own, a home answers with what ships
        for name in names:
            sys.stderr.write(f"{name}\n")
            card_file, before = open_card(name, home), bars_before(target / name)
            # What is claimed of two cores is measured on two, and in one format, where there is a GPU, too.
            last, best = (
                open_character(card_file, home, which=which, device="cpu", dtype="float32")
                for which in ("last", "best")
            )
            bars = measure(card_file, last, best)
            write_bars(bars, target / name / FIGURES)
            write_file(target / name / "README.md", adapter_card(card_file.card, bars, before))
            found += missed(name, bars, before)
    return found


if __name__ == "__main__":
    main()
