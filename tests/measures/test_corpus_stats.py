"""What is counted about a whole corpus, and what is found to do about it."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleplay.dataset.corpus import Corpus
from roleplay.dialogue import Dialogue, Role, Turn
from roleplay.measures.corpus_stats import measure_corpus
from roleplay.measures.findings import findings
from roleplay.measures.said import said_in
from roleplay.measures.unfit import check_corpus

Corpora = Callable[..., Corpus]
STEPS = "I have counted all the steps of the old lock today."


def talk(*texts: str, at: int = 1, opens: bool = False) -> Dialogue:
    roles: tuple[Role, Role] = ("assistant", "user") if opens else ("user", "assistant")
    return Dialogue(tuple(Turn(roles[i % 2], text) for i, text in enumerate(texts)), f"talk.yaml:{at}")


LENGTHS = st.lists(st.lists(st.integers(1, 60), min_size=2, max_size=9), min_size=1, max_size=4)


@given(LENGTHS, st.integers(30, 160), st.booleans(), st.sampled_from(["dialogue", "general", "general behind system"]))
def test_what_is_too_long_is_what_the_split_could_not_save(
    corpus_of: Corpora, lengths: list[list[int]], limit: int, opens: bool, kind: str
) -> None:
    dialogues = [talk(*("x" * length for length in row), at=at, opens=opens) for at, row in enumerate(lengths, 1)]
    if kind.endswith("system"):
        own = Turn("system", "Be brief.")
        dialogues = [Dialogue((own, *dialogue.turns), dialogue.source) for dialogue in dialogues]
    corpus = corpus_of(dialogues, limit, kind.split()[0])

    stats = measure_corpus(corpus)

    lost = [one.lost for one in stats.lengths.too_long]
    assert (lost.count(True), lost.count(False)) == (stats.cutoff.dropped, stats.cutoff.end_lost)
    assert all(one.tokens > limit for one in stats.lengths.too_long)
    assert sum(bar.dialogues for bar in stats.lengths.bins) == len(dialogues)
    assert stats.lengths.bins[-1].low <= stats.lengths.longest <= stats.lengths.bins[-1].high
    assert (stats.lengths.over > 0) == (stats.lengths.longest > limit)
    if stats.lengths.longest <= limit:
        assert (stats.cutoff.cut, stats.cutoff.dropped) == (0, 0)
    assert measure_corpus(corpus_of(dialogues, limit, kind.split()[0], apart=True)) == stats


@given(st.randoms(use_true_random=False))
def test_the_order_of_dialogues_changes_no_number(corpus_of: Corpora, random: Random) -> None:
    texts = [STEPS, STEPS + " All.", "图书室的第三扇窗边，风很轻，茶还热着。", "No.", "Never mind the goat, it bites."]
    dialogues = [talk(f"Question {i}?", texts[i % 5], "And?", f"{texts[i // 5]} {i}", at=i + 1) for i in range(25)]
    shuffled = dialogues[:]
    random.shuffle(shuffled)

    one, other = (measure_corpus(corpus_of(rows)) for rows in (dialogues, shuffled))

    assert one.amounts == other.amounts
    assert one.lengths == other.lengths
    assert one.cutoff == other.cutoff
    assert one.habits == other.habits
    assert one.repeated_answers.share == other.repeated_answers.share > 0
    assert one.repeated_dialogues.share == other.repeated_dialogues.share
    assert {str(leak.place) for leak in one.split.leaks} == {str(leak.place) for leak in other.split.leaks}


def test_amounts_are_told_by_kind_and_language(corpus_of: Corpora) -> None:
    amounts = measure_corpus(corpus_of([talk("早", "早上好。"), talk("Hi", "Good morning.", "Tea?", at=2)])).amounts

    assert [(part.kind, part.language, part.unit) for part in amounts] == [
        ("dialogue", "en", "words"),
        ("dialogue", "zh", "characters"),
    ]
    english, chinese = amounts
    assert (english.dialogues, english.turns, english.answers) == (1, 3, 1)
    assert chinese.distinct == (1, 1, 1)
    assert english.answer_tokens > 1


def test_habits_are_shares_of_the_answers(corpus_of: Corpora) -> None:
    habits = measure_corpus(corpus_of([talk("a", "never!", "b", "No."), talk("c", "Not now, thank you.")])).habits

    assert [(phrase.text, phrase.answers) for phrase in habits.catchphrases][1] == ("Never", 1)
    assert habits.catchphrases[1].share == pytest.approx(1 / 3)
    assert habits.one_word == pytest.approx(2 / 3)


def test_a_greeting_and_a_catchphrase_are_no_saying_of_their_own(corpus_of: Corpora) -> None:
    greeting = "Hello there, User, and welcome to the lock."
    rows = [
        talk(greeting, "Hi.", "Mind the goat and the lock and the rope and the gate, I say.", opens=True),
        talk("Hi.", greeting, at=2),
    ]

    answers = said_in(corpus_of(rows)).answers

    assert [(str(answer.place), answer.own, bool(answer.trail)) for answer in answers] == [
        ("talk.yaml:1 turn 1", False, False),
        ("talk.yaml:1 turn 3", False, True),
        ("talk.yaml:2 turn 2", True, True),
    ]


def leaky(corpus_of: Corpora) -> Corpus:
    """Twenty questions with one answer: whichever are held out, others of them are trained."""
    return corpus_of([talk(f"Question number {i}?", STEPS, at=i + 1) for i in range(20)])


def test_a_check_names_leaks_and_repeats_with_line_and_remedy(corpus_of: Corpora) -> None:
    checked = check_corpus(leaky(corpus_of), 0.6, 0.05)

    assert checked.leaks
    assert checked.answers.share == 19 / 20
    assert len(checked.faults) == len(checked.leaks) + 19
    leak, repeat = checked.faults[0], checked.faults[-1]
    assert leak.problem.startswith("is held out, yet stands in training at talk.yaml:")
    assert repeat.problem == f"stands once more at talk.yaml:1 turn 2 (seen: {STEPS})"
    assert (repeat.file, repeat.line, repeat.key) == ("talk.yaml", 20, "turn 2")
    assert repeat.remedy == "reword one of the two or leave it out"


def test_repeats_below_the_allowed_share_pass(corpus_of: Corpora) -> None:
    rows = [talk("Q?", STEPS, at=1), talk("R?", STEPS + " All of them.", at=2)]

    for allowed, faults in ((0.5, 0), (0.4, 1)):
        checked = check_corpus(corpus_of(rows), 0.6, allowed)
        assert checked.answers.share == 0.5
        assert len([fault for fault in checked.faults if "once more" in fault.problem]) == faults


def test_nothing_is_found_where_nothing_is_to_do(corpus_of: Corpora) -> None:
    rows = [
        talk("Goat?", "Never a day without one, sadly enough."),
        talk("Rope?", "Mind the goat and the lock and the rope and the gate, as ever.", at=2),
        talk("Rain?", "It keeps the barges honest and the ducks amused.", at=3),
        talk("Bread?", "Only on Thursdays, and only the burnt end.", at=4),
        talk("Work?", "Two parcels, one of them ticking politely.", at=5),
    ]
    assert findings(measure_corpus(corpus_of(rows)), "pell") == []


def test_each_finding_says_what_to_do(corpus_of: Corpora) -> None:
    found = [str(finding) for finding in findings(measure_corpus(leaky(corpus_of)), "pell")]
    assert "'roleplay data check pell' lists them" in found[0]
    assert any(finding.startswith("95.0% of the answers repeat another (first talk.yaml:") for finding in found)
    assert any("were said before; vary how answers begin and end" in finding for finding in found)
    assert any("is never said; write it into some answers" in finding for finding in found)

    short = measure_corpus(corpus_of([talk("a", "Never."), talk("b", "x" * 90, at=2), talk("y" * 99, "c", at=3)], 80))
    found = [str(finding) for finding in findings(short, "pell")]
    assert any("(first talk.yaml:3 turn 2)" in finding and "1 answers are left out" in finding for finding in found)
    assert any("(first talk.yaml:2 turn 2)" in finding and "lose their end" in finding for finding in found)
    assert any(finding.startswith("'Never' stands in 50%") for finding in found)
    assert any("are a single word; let the character say more" in finding for finding in found)
