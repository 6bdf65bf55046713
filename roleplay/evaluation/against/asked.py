"""What two adapters are compared by: as typed, else as the run of the one after was tuned."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.open import Opened
from roleplay.corpora.pairs import Pair, read_pairs
from roleplay.errors import UsageError
from roleplay.evaluation.against.earlier import run_settings
from roleplay.evaluation.report import Finding
from roleplay.evaluation.scope import Scope
from roleplay.paths import shown
from roleplay.preference.choices import heldout_pairs
from roleplay.preference.rewards.spec import Term, parse_reward


@dataclass(frozen=True)
class Asked:
    """What is compared."""

    scope: Scope
    """How much both are asked."""
    pairs: Sequence[Pair] = ()
    """Choices that neither was trained on."""
    reward: tuple[Term, ...] = ()
    """What drawn replies are judged by; empty where nothing does."""
    notes: tuple[Finding, ...] = ()
    """What cannot be compared, and why."""


def asked_of_run(
    card_file: CardFile, opened: Opened, scope: Scope, pairs: Sequence[Path], reward: tuple[Term, ...]
) -> Asked:
    """What was not typed is taken from the settings of the run that made the adapter of `opened`.

    Raises FileFaults for a damaged file, UsageError where no typed pair is held out.
    """
    settings, notes = run_settings(opened.folder), []
    files = list(pairs)
    if not files and settings is not None:
        files = [Path(path) for path in settings.pairs]
        gone = [path for path in files if not path.is_file()]
        files = [path for path in files if path not in gone]
        remedy = "name their new places with --pairs"
        notes += [Finding("note", f"The pairs of the run in {shown(path)} are gone; {remedy}.") for path in gone]
    known = {pair.identity: pair for path in files for pair in read_pairs(path)}
    out = heldout_pairs(card_file, list(known.values()))
    if pairs and not out:
        raise UsageError(
            f"--pairs: of {len(known)} pairs none is held out, so that all may have been learned; add some that "
            "answer held-out questions ('roleplay prefer')"
        )
    if not reward and settings is not None and settings.reward:
        reward = parse_reward(settings.reward)
    return Asked(scope, tuple(out), reward, tuple(notes))
