"""Markdown of chats leaves nothing out that was said."""

import pytest

from tui.markdown import chat_markdown


@pytest.mark.parametrize("said", ["2.", "-", "1)", "*", "1.\n2.", "- -"])
def test_a_list_of_nothing_is_text(said: str) -> None:
    tokens = chat_markdown().parse(said)

    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    shown = "".join(child.content or "\n" for child in tokens[1].children or ())
    assert shown == said


@pytest.mark.parametrize("said", ["2. eggs", "- a\n- b", "1.\n2. salt", "- - x", "1. ```\n   code\n   ```"])
def test_a_list_of_something_stays_one(said: str) -> None:
    assert chat_markdown().parse(said)[0].type in ("ordered_list_open", "bullet_list_open")


def test_what_stands_around_it_stays_where_it_was() -> None:
    tokens = chat_markdown().parse("How many?\n\n2.\n\nOr *three*?")

    assert [token.content for token in tokens if token.type == "inline"] == ["How many?", "2.", "Or *three*?"]
