"""A scripted person who chats, draws replies anew, and keeps the one that a stated rule likes best.

python -m tests.proof.person yui --rule 'says(……) + varied + shorter(40)' --questions 80
"""

import argparse
from collections.abc import Iterator

from roleplay.cards.find import open_card
from roleplay.cards.load import CardFile
from roleplay.chat.manner import Manner
from roleplay.chat.store import ChatStore
from roleplay.chat.talk import Talk
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.render import make_renderer
from roleplay.dialogue import Turn
from roleplay.models.base import load_context, load_tokenizer
from roleplay.models.spec import parse_spec
from roleplay.paths import Home, find_home
from roleplay.preference.rewards.judged import Judged
from roleplay.preference.rewards.materials import Materials
from roleplay.preference.rewards.reward import Reward, make_reward
from roleplay.preference.rewards.spec import parse_reward
from roleplay.text import draw

ENOUGH = 0.95
"""Share of what a rule can give at which a reply is liked."""


def main() -> None:
    """Hold a conversation of one exchange about each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--rule", required=True)
    parser.add_argument("--questions", type=int, default=80)
    parser.add_argument("--draws", type=int, default=6)
    typed = parser.parse_args()
    home = find_home()
    card_file = open_card(typed.name, home)
    corpus = own_corpus(card_file)
    rule = make_reward(parse_reward(typed.rule), Materials(card_file, corpus, home))
    questions = sorted(trained_questions(corpus), key=lambda text: draw(text, "asked"))[: typed.questions]
    for at, (question, kept) in enumerate(talk_about(card_file, home, questions, rule, typed.draws), 1):
        print(f"{at}/{len(questions)}  {question}  →  {kept}", flush=True)


def own_corpus(card_file: CardFile) -> Corpus:
    """What the character was trained on."""
    spec = parse_spec(card_file.card.base)
    return build_corpus(card_file, make_renderer(load_tokenizer(spec)), limit=load_context(spec), seed=0)


def trained_questions(corpus: Corpus) -> set[str]:
    """What persons open trained dialogues with."""
    units = (unit for part in corpus.corpora if part.kind != "general" for unit in part.train)
    return {unit.dialogue.turns[0].text for unit in units if unit.dialogue.turns[0].role == "user"}


def talk_about(
    card_file: CardFile, home: Home, questions: list[str], rule: Reward, draws: int
) -> Iterator[tuple[str, str]]:
    """Question and kept reply of each conversation, or "" where none was liked; the others stay behind as swipes."""
    store = ChatStore(home.chats)
    talk = Talk(card_file, Manner(greet=False), home, store)
    try:
        for question in questions:
            talk.new_chat()
            talk.say(question)
            yield question, draw_until(talk, question, rule, draws)
    finally:
        talk.close()
        store.close()


def draw_until(talk: Talk, question: str, rule: Reward, draws: int) -> str:
    """Draw replies until one is liked and stay there; after so many give up, and take the question back."""
    for _ in range(draws):
        list(talk.answer())
        said = talk.session.line[-1]
        if likes(rule, question, said.text.strip(), stopped=said.stopped == "end"):
            return said.text.strip()
    asked = talk.session.line[-1].parent
    if asked is not None:
        talk.session.delete(asked)
    return ""


def likes(rule: Reward, question: str, reply: str, *, stopped: bool) -> bool:
    """Whether a reply gets nearly everything that the rule has to give."""
    [worth] = rule([Judged((Turn("user", question),), reply, stopped)])
    return rule.total(worth) >= ENOUGH * sum(term.weight for term in rule.terms)


if __name__ == "__main__":
    main()
