"""What rewards know of a character that was written for the test, beside another one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.corpora.native import read_native
from roleplay.dataset.build import build_corpus
from roleplay.dataset.draws import heldout_identities
from roleplay.dataset.render import make_renderer
from roleplay.dialogue import Turn
from roleplay.errors import EvaluationError, UsageError
from roleplay.measures.style import train_judge
from roleplay.paths import Home
from roleplay.preference.rewards.judged import Judged
from roleplay.preference.rewards.materials import Materials
from roleplay.preference.rewards.refusals import Strange
from roleplay.preference.rewards.reward import Reward, make_reward
from roleplay.preference.rewards.spec import parse_reward

CARD = """\
schema: 1
name: {name}
display_name: {shown}
user_name: rookie
language: en
corpora: [{{path: {name}/talk.yaml, kind: {kind}}}, {{path: ordinary.yaml, kind: general}}]
"""
MORE = """\
catchphrases: ["{{char}} out"]
probes:
  out_of_world:
    - {question: "What is {{char}} made of?", accept: [off the board, tin], forbid: [metal]}
    - {question: "Who won?", accept: [off the board]}
"""
THINGS = ("the tea", "a kettle", "the rope", "an old map", "the goat", "my left boot", "the ferry", "a jar of nails")
QUIET = [f"mm... {thing}, {{{{user}}}}, perhaps... {at}" for thing in THINGS for at in "abc"]


LOUD = [(f"And {thing}?", f"HA! {thing} {at}! What a day, Ada!") for thing in THINGS for at in "abc"]


def write(
    folder: Path, name: str, shown: str, lines: list[tuple[str, str]], more: str = "", kind: str = "dialogue"
) -> Path:
    """A card with a dialogue for each pair of lines."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    talk = "".join(f'- [{{user: "{said}"}}, {{char: "{answer}"}}]\n' for said, answer in lines)
    (folder / name / "talk.yaml").write_text(talk, encoding="utf-8")
    (folder / "ordinary.yaml").write_text('- [{user: "What is a mile?"}, {char: "It is off the board."}]\n')
    path = folder / f"{name}.yaml"
    path.write_text(CARD.format(name=name, shown=shown, kind=kind) + more, encoding="utf-8")
    return path


@pytest.fixture
def made(
    tmp_path: Path, home: Home, chatml_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Materials]:
    """Materials of Pell, who answers with `lines`; beside her lie Ada, a broken card, and one with a broken corpus."""
    monkeypatch.setattr("roleplay.cards.find.shipped", lambda: tmp_path / "nothing")
    monkeypatch.chdir(tmp_path)

    def make(lines: list[tuple[str, str]], more: str = MORE, kind: str = "dialogue") -> Materials:
        write(home.characters, "ada", "Ada", LOUD)
        write(home.characters, "bo", "Bo", [("Hm?", "Hm.")])
        (home.characters / "bo" / "talk.yaml").write_text("- nothing", encoding="utf-8")
        (home.characters / "broken.yaml").write_text("name: [", encoding="utf-8")
        card_file = load_card(write(home.characters, "pell", "Pell", lines, more, kind))
        corpus = build_corpus(card_file, make_renderer(chatml_tokenizer), limit=400, seed=0)
        return Materials(card_file, corpus, home)

    return make


def reward_of(materials: Materials, text: str) -> Reward:
    """The reward that `text` states."""
    return make_reward(parse_reward(text), materials)


def talk(*extra: tuple[str, str]) -> list[tuple[str, str]]:
    """Quiet answers to questions about things."""
    return [*((f"And {line[6:12]}, number {at}?", line) for at, line in enumerate(QUIET)), *extra]


def test_own_answers_are_trained_ones_with_names_filled_in(made: Callable[..., Materials]) -> None:
    materials = made(talk())
    heldout = [row.unit.dialogue.turns[1].text for row in materials.corpus.heldout()]
    assert heldout
    wanted = [line.replace("{{user}}", "rookie") for line in QUIET if line not in heldout]
    assert sorted(materials.own) == sorted(wanted)


def test_strange_questions_are_those_of_the_card_and_what_the_corpus_refuses(made: Callable[..., Materials]) -> None:
    lines = [(f"Is {thing} {at}?", f"{thing} is off the board, {{{{user}}}}.") for thing in THINGS for at in "ab"]
    materials = made(talk(*lines, ("Where is it?", "Tin, by the lock.")))
    first, second, *trained = materials.strange
    assert first == Strange("What is Pell made of?", ("off the board", "tin"), ("metal",))
    assert second == Strange("Who won?", ("off the board",))
    assert {one.accept for one in trained} == {("off the board", "tin")}
    answers = {unit.dialogue.turns[0].text: unit.dialogue.turns[1].text for unit in materials.corpus.corpora[0].train}
    assert sorted(one.question for one in trained) == sorted(
        asked for asked, answer in answers.items() if "off the board" in answer or "Tin" in answer
    )


def test_a_refusal_deep_in_a_dialogue_makes_no_question_strange(made: Callable[..., Materials]) -> None:
    materials = made(talk(("Go on.", 'Hm."}, {user: "Why?"}, {char: "I don\'t know.')))
    assert [one.question for one in materials.strange] == ["What is Pell made of?", "Who won?"]


def test_the_judge_of_style_knows_the_character_from_persons_and_others(made: Callable[..., Materials]) -> None:
    voices = made(talk()).voices
    assert list(voices) == ["en"]
    own, person, other = voices["en"].probabilities(
        ["mm... a boat, perhaps...", "And a boat, number 3?", "HA! A boat! What a day!"]
    )
    assert own > 0.7 > 0.3 > max(person, other)
    assert set(voices["en"].hidden) == {"Pell", "rookie", "Ada", "Bo"}


def test_the_judge_of_style_is_shown_trained_lines_alone(made: Callable[..., Materials]) -> None:
    materials = made(talk())
    kept = [unit.dialogue.turns[0].text for unit in materials.corpus.corpora[0].train]
    ada = read_native(materials.home.characters / "ada" / "talk.yaml")
    out = heldout_identities(ada)
    hers = [one.turns[1].text for one in ada if one.identity not in out]
    assert 0 < len(hers) < len(LOUD)
    wanted = train_judge(materials.own, [*kept, *hers], materials.voices["en"].hidden)
    asked = ["mm... a boat", "HA! A boat!", "And a boat, number 3?", "It is off the board."]
    assert materials.voices["en"].probabilities(asked) == pytest.approx(wanted.probabilities(asked), abs=1e-9)


def test_signs_without_letters_are_no_language_of_their_own(made: Callable[..., Materials]) -> None:
    signs = [("？" * at, "……" + "。" * at) for at in range(1, 20)]
    assert list(made(talk(*signs)).voices) == ["en"]


def test_ordinary_talk_is_nobodys_manner(made: Callable[..., Materials]) -> None:
    materials = made(talk(), kind="general")
    assert materials.own == ()
    assert len(materials.strange) == 2
    with pytest.raises(EvaluationError, match="by 0 trained lines of the character"):
        _ = materials.voices


def test_a_catchphrase_has_its_names_filled_in(made: Callable[..., Materials]) -> None:
    reward = reward_of(made(talk()), "catchphrases")
    assert reward([Judged((Turn("user", "?"),), "Pell out. Pell out.", True)]) == [{"catchphrases": 0.5}]


def test_a_second_language_has_a_judge_where_it_has_lines_enough(made: Callable[..., Materials]) -> None:
    chinese = [(f"第{at}级呢？", f"嗯……第{at}级，大概。") for at in "一二三四五六七八九十百千万亿"]
    assert list(made(talk(*chinese)).voices) == ["en", "zh"]
    assert list(made(talk(*chinese[:3])).voices) == ["en"]


def test_too_few_lines_are_one_error(made: Callable[..., Materials]) -> None:
    with pytest.raises(EvaluationError, match=r"by [1-3] trained lines of the character; it takes 12"):
        _ = made(talk()[:3]).voices


def test_a_whole_reward_is_made_of_a_character(made: Callable[..., Materials]) -> None:
    materials = made(talk())
    stated = "style + original + catchphrases + refuses + ends({{char}} out) + says({{user}}) - avoids(tin)"
    stated += " + stop + varied + shorter(40) + longer(5) + length(5-9)"
    reward = make_reward(parse_reward(stated), materials)
    (found,) = reward([Judged((Turn("user", "Who won?"),), "Off the board, rookie. Pell out.", True)])
    assert found.pop("style") > 0
    assert found == {
        "original": 1,
        "catchphrases": 1,
        "refuses": 1,
        "ends({{char}} out)": 1,
        "says({{user}})": 1,
        "avoids(tin)": 1,
        "stop": 1,
        "varied": 1,
        "shorter(40)": 1,
        "longer(5)": 1,
        "length(5-9)": 9 / 32,
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("refuses", r"'refuses' has nothing to go by: the card of pell has no 'probes.out_of_world'; add some"),
        ("catchphrases", r"'catchphrases' has nothing to go by: the card of pell has no 'catchphrases'; add some"),
        ("model(taste)", r"'model\(taste\)' cannot be asked for here; leave it out"),
    ],
)
def test_a_term_that_the_character_has_nothing_for_is_refused(
    made: Callable[..., Materials], text: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        reward_of(made(talk(), more=""), text)


def test_a_reward_model_is_asked_for_by_its_run(made: Callable[..., Materials]) -> None:
    asked: list[str] = []

    def model(run: str) -> Callable[[object], list[float]]:
        asked.append(run)
        return lambda judged: [7.5]

    reward = make_reward(parse_reward("2*model(taste)"), made(talk()), model)
    assert asked == ["taste"]
    assert reward([Judged((Turn("user", "?"),), "x", True)]) == [{"model(taste)": 7.5}]
