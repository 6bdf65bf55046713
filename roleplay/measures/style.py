"""Whether a text sounds like the character: a judge that was shown real lines only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roleplay.errors import EvaluationError, UsageError
from roleplay.measures.language import language_of

FEWEST = 12
"""Lines of a side below which a judge would be chance."""


@dataclass(frozen=True)
class Judge:
    """Tells the character's lines from those of others by their character n-grams."""

    model: Any
    """A fitted scikit-learn pipeline."""
    hidden: tuple[str, ...]
    """Names that are taken out of what it reads."""
    language: str
    """Of the character's lines, as `language_of` names it."""

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """How likely each text is the character's, 0 to 1.

        A text that says nothing, or is in another language, is nobody's: 0. The order of words matters little to the
        judge: it tells a voice, not whether that makes sense.
        """
        read = without_names(texts, self.hidden)
        foreign = {"zh", "en"} - {self.language}
        judged = [at for at, text in enumerate(read) if text.strip() and language_of(text) not in foreign]
        found = [0.0] * len(read)
        if judged:
            likely = self.model.predict_proba([read[at] for at in judged])[:, 1]
            for at, share in zip(judged, likely, strict=True):
                found[at] = float(share)
        return found


@dataclass(frozen=True)
class Style:
    """What the judge says of lines that it was not shown, and so how far it can be trusted."""

    floor: float
    """Mean probability of the lines of others."""
    ceiling: float
    """Mean probability of the character's own lines."""
    auc: float
    """How often a line of the character's is likelier than one of another speaker: 0.5 is chance, 1 never errs."""

    def place(self, mean: float) -> float:
        """Where a mean probability lies: 0 at the floor, 1 at the ceiling; it may lie beyond."""
        return (mean - self.floor) / (self.ceiling - self.floor)


def judge_style(
    own_train: Sequence[str],
    own_heldout: Sequence[str],
    others_train: Sequence[str],
    others_heldout: Sequence[str],
    hidden: Sequence[str] = (),
) -> tuple[Judge, Style]:
    """A judge of one language, and what it says of held-out lines.

    `hidden` are the names of all who speak and are spoken to. Raises EvaluationError where a side is too small or the
    voices cannot be told apart, UsageError where scikit-learn is missing.
    """
    _check(
        {
            "trained lines of the character": own_train,
            "held-out lines of the character": own_heldout,
            "trained lines of others": others_train,
            "held-out lines of others": others_heldout,
        }
    )
    judge = train_judge(own_train, others_train, hidden)
    own, others = (judge.probabilities(lines) for lines in (own_heldout, others_heldout))
    style = Style(sum(others) / len(others), sum(own) / len(own), _auc(own, others))
    if style.ceiling <= style.floor:
        raise EvaluationError(
            "style cannot be judged: held-out lines of the character do not differ from those of others "
            f"(mean {style.ceiling:.2f} against {style.floor:.2f}); give the character more lines in its own voice"
        )
    return judge, style


def train_judge(own: Sequence[str], others: Sequence[str], hidden: Sequence[str] = ()) -> Judge:
    """Learn to tell real lines of the character from real lines of others; the same lines give the same judge.

    Punctuation and capitals stay: they are style. Raises EvaluationError where a side is too small, UsageError where
    scikit-learn is missing.
    """
    _check({"trained lines of the character": own, "trained lines of others": others})
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
        from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
        from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    except ImportError as error:
        raise UsageError(
            "judging style needs scikit-learn; install it with: pip install 'roleplay[evaluation]'"
        ) from error
    read = without_names([*own, *others], hidden)
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, lowercase=False),
        # Weak regularisation: a line has few n-grams, and a timid judge would find everything half the character's.
        LogisticRegression(C=30, class_weight="balanced", max_iter=1000, random_state=0),
    )
    model.fit(read, [1] * len(own) + [0] * len(others))
    return Judge(model, tuple(hidden), language_of(" ".join(read[: len(own)])))


def without_names(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """The texts with the names taken out, and with each the comma that sets it off, which would give it away.

    Case counts: Dot is a name, a dot is not. A name in Latin letters is only a whole word.
    """
    parts = [_whole(name) for name in sorted(names, key=len, reverse=True) if name]
    if not parts:
        return list(texts)
    name = f"(?:{'|'.join(parts)})"
    pattern = re.compile(rf"[,，、]\s*{name}|{name}(?:[,，、]\s*)?")
    return [pattern.sub("", text) for text in texts]


def _whole(name: str) -> str:
    before, after = (r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])") if name.isascii() else ("", "")
    return before + re.escape(name) + after


def _check(sides: dict[str, Sequence[str]]) -> None:
    few = [f"{len(lines)} {side}" for side, lines in sides.items() if len(lines) < FEWEST]
    if few:
        raise EvaluationError(
            f"style cannot be judged by {' and '.join(few)}; it takes {FEWEST} of each, so add dialogues"
        )


def _auc(own: Sequence[float], others: Sequence[float]) -> float:
    """The area under the ROC curve, as the share of pairs in the right order (Mann and Whitney 1947)."""
    right = sum((mine > other) + (mine == other) / 2 for mine in own for other in others)
    return right / (len(own) * len(others))
