"""Where the words of a reply come from."""

import json
from pathlib import Path

import pytest

from roleplay.cards.load import load_card
from roleplay.chat.inspection import WeighedToken
from roleplay.chat.lens import Lens, Source, read_sources, see
from roleplay.measures.language import Language
from roleplay.measures.manner import SHORTEST
from roleplay.paths import Home

CARD = """\
schema: 1
name: mira
display_name: Mira
user_name: Tom
language: en
corpora:
  - {path: talk.jsonl, kind: dialogue}
  - {path: book.txt, kind: text}
"""
SAID = [{"role": "user", "content": "Soup?"}, {"role": "assistant", "content": "Leek soup, {{user}}."}]


def weigh(*tokens: tuple[str, float, float]) -> list[WeighedToken]:
    return [WeighedToken(*token) for token in tokens]


def test_copied_learned_and_own_words_are_told_apart() -> None:
    tokens = weigh(("灯塔的灯", -0.1, -8), ("整夜一直亮着", -0.2, -9), ("，", -1, -1.5), ("笨蛋", -1, -4))
    seen = see("灯塔的灯整夜一直亮着，笨蛋", tokens, [Source("book:1", "他看见灯塔的灯整夜一直亮着。")])
    assert [token.origin for token in seen.tokens] == ["memorised", "memorised", "base", "learned"]
    assert [(run.start, run.end, run.place) for run in seen.runs] == [(0, 10, "book:1")]
    assert seen.share("memorised") == pytest.approx(10 / 13)
    assert seen.gain == pytest.approx((7.9 + 8.8 + 0.5 + 3) / 4)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_run_is_copied_from_the_length_on_at_which_replies_are_measured(language: Language) -> None:
    letters = "天地玄黄宇宙洪荒日月盈昃辰宿列张" if language == "zh" else "the quick brown fox jumps over it"
    whole = letters[: SHORTEST[language]]
    runs = [see(text, (), [Source("book:1", whole)]).runs for text in (whole, whole[:-1])]
    assert [[(run.start, run.end) for run in found] for found in runs] == [[(0, len(whole))], []]


def test_tokens_that_make_up_one_character_are_one() -> None:
    seen = see("🐈!", weigh(("", -1, -3), ("", -0.5, -1), ("🐈", 0, -1), ("!", 0, 0)), [])
    assert [(token.text, token.persona, token.base) for token in seen.tokens] == [("🐈", -1.5, -5), ("!", 0, 0)]


def test_a_reply_that_nobody_could_weigh_shows_what_is_copied() -> None:
    text = "Well, the harbour is closed in winter. Ha."
    seen = see(text, (), [Source("book:1", "the harbour is closed in winter")], ["no adapter"])
    assert [token.text for token in seen.tokens if token.copied] == [" the harbour is closed in winter"[1:]]
    assert "".join(token.text for token in seen.tokens) == text
    assert (seen.gain, seen.problems) == (None, ("no adapter",))


def test_an_empty_reply_has_nothing_to_see() -> None:
    seen = see("", (), [])
    assert (seen.tokens, seen.share("base")) == ((), 0)


def test_answers_and_documents_are_read_with_macros_filled_in(tmp_path: Path) -> None:
    (tmp_path / "mira.yaml").write_text(CARD)
    (tmp_path / "talk.jsonl").write_text(json.dumps({"messages": SAID}) + "\n")
    (tmp_path / "book.txt").write_text("The tide comes at nine.")
    read = read_sources(load_card(tmp_path / "mira.yaml"))
    assert [source.text for source in read.sources] == ["Leek soup, Tom.", "The tide comes at nine."]
    assert "talk.jsonl" in read.sources[0].place
    assert read.problems == ()


def test_a_damaged_corpus_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "mira.yaml").write_text(CARD)
    (tmp_path / "book.txt").write_text("The tide comes at nine.")
    (tmp_path / "talk.jsonl").write_text("{")
    read = read_sources(load_card(tmp_path / "mira.yaml"))
    assert len(read.sources) == 1
    assert "talk.jsonl" in read.problems[0]


def test_a_character_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no character 'nobody'" in Lens(Home(tmp_path)).sources("nobody").problems[0]
