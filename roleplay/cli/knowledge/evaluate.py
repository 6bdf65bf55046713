"""`roleplay knowledge evaluate`: whether search finds what the labelled questions ask for."""

import typer

from roleplay.cli.knowledge.open import NAME, open_index
from roleplay.cli.output import emit, emit_json, say


def evaluate(name: str = NAME, as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> None:
    """Ask the index the card's labelled questions (`probes.known`): recall, mean reciprocal rank, time; no model."""
    from dataclasses import asdict

    from roleplay.cards.find import open_card
    from roleplay.evaluation.known_questions import known_questions
    from roleplay.evaluation.retrieval import not_indexed, retrieval, table
    from roleplay.knowledge.embed import open_embedder
    from roleplay.paths import find_home
    from roleplay.text import one_line

    card_file = open_card(name, find_home())
    questions = known_questions(card_file)
    with open_index(name) as index:
        rows = retrieval(index, questions, open_embedder(index.reference))
        missing = not_indexed(index, questions)
        passages = index.stats().passages
    unanswerable = sum(not question.answerable for question in questions)
    if as_json:
        told = [question.question for question in missing]
        found = {"character": card_file.card.name, "passages": passages, "unanswerable": unanswerable}
        emit_json(found | {"not_indexed": told, "rows": [asdict(row) for row in rows]})
        return
    for line in table(rows):
        emit(line)
    say(f"{passages} passages; {unanswerable} questions that no book answers were not asked")
    for question in missing:
        say(f"its evidence stands in no passage: {one_line(question.question)}")
