"""The labelled questions of a card as prompts, with what its books say to them."""

from dataclasses import replace

from roleplay.cards.load import CardFile
from roleplay.cards.prompt import fill
from roleplay.chat.open import Opened
from roleplay.dialogue import Turn
from roleplay.evaluation.known_questions import KnownQuestion, known_questions, questions_file
from roleplay.evaluation.prompts import Prompt, some_of
from roleplay.evaluation.report import Finding
from roleplay.evaluation.scope import Scope
from roleplay.generation.lanes import LANES
from roleplay.knowledge.recall import Recall


def known_prompts(card_file: CardFile, opened: Opened, scope: Scope) -> list[Prompt]:
    """Each question twice, with passages in the prompt and without; none where there are none or no index is built.

    Raises FileFaults for the file of questions, StorageError for the index, UsageError where its embedder is missing.
    """
    card = opened.voice.card
    if questions_file(card_file) is None or not card.knowledge or not opened.memory.path.is_file():
        return []
    recall = opened.memory.recall()
    asked = [
        prompt
        for answerable in (True, False)
        for prompt in some_of(
            [
                _prompt(fill(one.question, card), one, recall)
                for one in known_questions(card_file)
                if one.answerable == answerable
            ],
            scope.known,
        )
    ]
    return [*asked, *(replace(prompt, part="without_knowledge") for prompt in asked)]


def unread(opened: Opened) -> list[Finding]:
    """What to do where a card has such questions and its books were never read."""
    card = opened.voice.card
    if card.probes.known is None or not card.knowledge or opened.memory.path.is_file():
        return []
    told = f"'roleplay knowledge build {card.name}' reads the books of {card.display_name}"
    return [Finding("note", f"What knowledge in the prompt is worth was not measured: {told}, then evaluate again.")]


def _prompt(question: str, known: KnownQuestion, recall: Recall) -> Prompt:
    turns = (Turn("user", question),)
    return Prompt(
        "with_knowledge",
        turns,
        known.evidence,
        question,
        tuple(LANES.values()),
        known.accept,
        passages=recall(turns),
    )
