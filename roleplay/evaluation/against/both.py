"""An adapter evaluated as ever, and what was heard of it, so that another can be held against it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.open import Opened
from roleplay.dataset.corpus import Corpus
from roleplay.evaluation.against.figures import Evaluated
from roleplay.evaluation.asking import Tell
from roleplay.evaluation.evaluate import evaluate, evaluated_corpus, listen, measures_of
from roleplay.evaluation.known_prompts import known_prompts
from roleplay.evaluation.notebook import Notebook
from roleplay.evaluation.place import place_of
from roleplay.evaluation.prompts import Prompt
from roleplay.evaluation.scope import Scope
from roleplay.measures.lines import RealLines, real_lines

_BASES = ("base", "base+prefix")


@dataclass(frozen=True)
class Setting:
    """What both adapters are asked by: as the run of the one after read the card."""

    card_file: CardFile
    """The card."""
    corpus: Corpus
    """Its dialogues."""
    lines: RealLines
    """What is really said."""
    known: Sequence[Prompt]
    """Questions about its books."""
    scope: Scope
    """How much is asked."""


def setting_of(card_file: CardFile, opened: Opened, scope: Scope) -> Setting:
    """Of the adapter after. Raises what reading the card does."""
    corpus = evaluated_corpus(card_file, opened)
    lines = real_lines(card_file, corpus, opened.home)
    return Setting(card_file, corpus, lines, known_prompts(card_file, opened, scope), scope)


def evaluated(
    setting: Setting, opened: Opened, tell: Tell, *, bases: Path | None = None, apart: Path | None = None
) -> tuple[Evaluated, Path]:
    """The ordinary evaluation of `opened`, made or read again, with the notebook of what was heard.

    `bases` is the notebook of another adapter: no adapter changes the lanes of the base, so that these are not asked
    again. Where the adapter's own run read the card otherwise, such as with another limit of tokens, it is asked anew
    by `setting`, into the notebook `apart`.
    """
    corpus = setting.corpus if apart is None else evaluated_corpus(setting.card_file, opened)
    alike = apart is None or corpus.fingerprint == setting.corpus.fingerprint
    place = place_of(opened.home, opened, setting.corpus, setting.lines, setting.scope, setting.known)
    path = place.notebook if alike or apart is None else apart
    if bases is not None:
        _share_bases(bases, path)
    measures = None
    if alike:
        measures = evaluate(setting.card_file, opened.home, opened, setting.scope, tell)[0].measures
    with Notebook(path) as notebook:
        heard = listen(
            setting.card_file, opened, setting.corpus, setting.lines, setting.scope, notebook, tell, setting.known
        )
    return Evaluated(measures_of(heard)[0] if measures is None else measures, heard), path


def _share_bases(found: Path, wanted: Path) -> None:
    with Notebook(found) as notebook, Notebook(wanted) as other:
        other.put({key: value for key, value in notebook.items() if key.split()[1] in _BASES and key not in other})
