"""From a card's dialogues, and those that are replayed, to the corpus that training and evaluation read."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from roleplay.cards.load import CardFile
from roleplay.cards.model import KNOWLEDGE, TEMPLATE_DEFAULT, Card, Prefix
from roleplay.dataset.cache import can_cache, open_cache
from roleplay.dataset.corpus import Corpus, CorpusUnits
from roleplay.dataset.draws import heldout_identities
from roleplay.dataset.entries import entry_dialogues
from roleplay.dataset.render import Renderer
from roleplay.dataset.unit import Plan, Recalls, Unit, Voice, needs_prefixes, plan_dialogues
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import Fault, FileFaults, GateError, NotFound
from roleplay.paths import shown


class Extra(NamedTuple):
    """Dialogues of an earlier run, trained again so that they are not forgotten."""

    label: str
    """What they are called in counts."""
    kind: str
    """`desc`, `dialogue` or `general`."""
    weight: float
    """Passes in an epoch."""
    dialogues: Sequence[Dialogue]
    """All dialogues of one corpus of that run, so that those it held out are found again."""


@dataclass(frozen=True)
class _Read:
    """One corpus before it is planned."""

    path: str
    kind: str
    weight: float
    entries: tuple[Dialogue, ...]
    planned: tuple[Dialogue, ...]
    heldout: Collection[str]
    losses: tuple[str, ...] = ()


def card_prefixes(card: Card, renderer: Renderer) -> tuple[Prefix, ...]:
    """The card's switches, led by the template's own system prompt where it has one (off, never trained)."""
    default = renderer.traits.default_system
    own = [Prefix(id=TEMPLATE_DEFAULT, text=default, default=False, train="never")] if default else []
    return (*own, *card.switches)


def dropped_out(prefixes: Sequence[Prefix], dropout: float | None) -> tuple[Prefix, ...]:
    """`prefixes` trained so that a share `dropout` of the samples does without them; `None` is as the card says.

    Those that are off in a new chat are then never trained: 0 is always the prompt of a new chat, 1 always none.
    Drawn together, anything between is either: drawn apart, of three prefixes an eighth of the samples would have all
    and an eighth none, and the rest a mixture that nobody asked for.
    """
    if dropout is None:
        return tuple(prefixes)
    return tuple(p.model_copy(update={"train": 1 - dropout if p.default else "never"}) for p in prefixes)


def trains_knowledge(prefixes: Sequence[Prefix]) -> bool:
    """Whether the prefix that carries passages stands in training samples."""
    return any(prefix.id == KNOWLEDGE and prefix.train_probability > 0 for prefix in prefixes)


def build_corpus(
    card_file: CardFile,
    renderer: Renderer,
    *,
    limit: int,
    seed: int,
    max_samples: int | None = None,
    prefix_dropout: float | None = None,
    extra: Sequence[tuple[str, str, float, Sequence[Dialogue]]] = (),
    cache: Path | None = None,
    apart: bool = False,
    practise: Callable[[Sequence[Dialogue]], Recalls] | None = None,
) -> Corpus:
    """Read, split and plan every corpus of dialogues. Raises FileFaults, NotFound or GateError.

    `max_samples` is the most rows of an epoch (at least 1), `prefix_dropout` that of `dropped_out`. `extra` holds
    tuples as `Extra` names them; of their dialogues those that stand in the card's own corpora are left out, and those
    that the earlier run held out are neither trained nor measured. `cache` is the folder of rendered rows; `None`
    renders everything anew. `apart` is for those who only count what is said: nothing is found out about sequences that
    answers could share. `practise` makes what comes to mind in training, where the prefix that carries it is trained.
    """
    card = card_file.card
    voice = Voice(card, dropped_out(card_prefixes(card, renderer), prefix_dropout), renderer)
    read = _read_corpora(card_file)
    own = {dialogue.identity for part in read for dialogue in part.entries}
    read += [_replayed(Extra(*part), own) for part in extra]
    if practise is not None and trains_knowledge(voice.prefixes):
        voice = replace(voice, recall=practise([dialogue for part in read for dialogue in part.entries]))
    to_plan = [(part.kind, part.planned) for part in read]
    file = open_cache(cache, voice, to_plan, limit) if cache and can_cache(voice) else None
    plans = (file and file.plans) or [plan_dialogues(voice, talks, kind, limit, apart=apart) for kind, talks in to_plan]
    corpora = tuple(_split(voice, part, plan) for part, plan in zip(read, plans, strict=True))
    if not any(corpus.train for corpus in corpora):
        lost = sum(corpus.losses.dropped for corpus in corpora)
        raise GateError(
            f"{shown(card_file.path)}: no sample is left to train "
            f"({lost} answers dropped at a limit of {limit} tokens); shorten the prefixes or raise --max-length"
        )
    return Corpus(voice, corpora, limit, seed, max_samples, file, prefix_dropout is not None)


def _read_corpora(card_file: CardFile) -> list[_Read]:
    """Every corpus of dialogues on the card, with all faults of all of them at once."""
    file, entries = shown(card_file.path), card_file.card.corpora
    if not entries:
        raise NotFound(f"{file} names no corpus; add 'corpora: [{{path: …, kind: dialogue}}]'")
    if all(entry.kind == "text" for entry in entries):
        raise NotFound(
            f"{file} names only corpora of 'kind: text', which hold no dialogue; train them with --stage pt, or add "
            "one of 'kind: dialogue'"
        )
    read: list[_Read] = []
    faults: list[Fault] = []
    for i, entry in enumerate(entries):
        if entry.kind == "text":
            continue
        general = entry.kind == "general"
        try:
            found = entry_dialogues(card_file, i)
        except FileFaults as error:
            faults += error.faults
            continue
        dialogues = (*found.dialogues, *(() if general else _greetings(card_file, i)))
        out = () if general else heldout_identities(dialogues)
        read.append(_Read(found.label, entry.kind, entry.weight, dialogues, dialogues, out, found.losses))
    if faults:
        raise FileFaults(faults)
    return read


def _greetings(card_file: CardFile, entry: int) -> list[Dialogue]:
    """The card's greetings as openings, with the first `dialogue` corpus only, else with the first `desc` corpus."""
    card = card_file.card
    kinds = [corpus.kind for corpus in card.corpora]
    if entry != kinds.index("dialogue" if "dialogue" in kinds else "desc"):
        return []
    texts = [text for text in (card.greeting, *card.alternate_greetings) if text]
    return [Dialogue((Turn("assistant", text.strip()),), f"{shown(card_file.path)}: greeting") for text in texts]


def _replayed(extra: Extra, own: Collection[str]) -> _Read:
    """What was held out stays untrained; it is not measured, for that is about the new dialogues."""
    entries = tuple(extra.dialogues)
    out = set() if extra.kind == "general" else heldout_identities(entries)
    planned = tuple(d for d in entries if d.identity not in out and d.identity not in own)
    return _Read(extra.label, extra.kind, extra.weight, entries, planned, ())


def _split(voice: Voice, part: _Read, plan: Plan) -> CorpusUnits:
    train: list[Unit] = []
    heldout: list[Unit] = []
    for unit in plan.units(part.planned, part.kind):
        if unit.dialogue.identity not in part.heldout:
            train.append(unit)
        elif not needs_prefixes(voice, unit):  # every held-out answer is asked for with and without prefixes
            heldout.append(unit)
    return CorpusUnits(part.path, part.kind, part.weight, tuple(train), tuple(heldout), part.entries, plan, part.losses)
