"""`roleplay chat --resume --say`: going on in a kept conversation."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from roleplay.chat.store import ChatStore
from roleplay.paths import Home
from tests.cli.conftest import Outcome, refused, roleplay
from tests.cli.parrot import save_parrot


@pytest.fixture(scope="module")
def parrot(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A base that says `Bye, Tom.`."""
    return save_parrot(tmp_path_factory.mktemp("bases") / "parrot", chatml_tokenizer, "Bye, Tom.")


def chat(parrot: Path, *arguments: object) -> Outcome:
    return roleplay("chat", *arguments, "--base", parrot, "--temperature", 0, "--json")


def test_a_resumed_conversation_goes_on_where_it_ended(pell: Path, parrot: Path, home: Home) -> None:
    chat(parrot, "pell", "--say", "Hi.", "--greet")
    chat(parrot, "pell", "--say", "Elsewhere.")
    chat(parrot, "pell", "--say", "And?", "--resume")
    (record,) = chat(parrot, "--say", "Still?", "--resume", "--greet").rows

    assert record["prompt"].endswith(
        "user\nElsewhere.<|im_end|>\n<|im_start|>assistant\nBye, Tom.<|im_end|>\n"
        "<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\nBye, Tom.<|im_end|>\n"
        "<|im_start|>user\nStill?<|im_end|>\n<|im_start|>assistant\n"
    )
    store = ChatStore(home.chats)
    assert [(kept.id, kept.said, kept.opening) for kept in store.chats()] == [(2, 3, "Elsewhere."), (1, 1, "Hi.")]
    assert [turn.text for turn in store.path_to(store.head(1))] == ["Hello, Tom.", "Hi.", "Bye, Tom."]


def test_a_resumed_conversation_keeps_its_prefixes_unless_others_are_typed(pell: Path, parrot: Path) -> None:
    chat(parrot, "pell", "--say", "Hi.", "--prefix", "manner=off")

    kept, typed = (
        chat(parrot, "pell", "--resume", "--say", "And?", *flags).rows[0]["prefix"]
        for flags in ([], ["--prefix", "manner=on", "--prefix", "who=off"])
    )

    assert (kept, typed) == (["who"], ["manner"])


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["pell"], 1, "there is no conversation with pell to resume yet; begin one without --resume"),
        ([], 1, "there is no conversation to resume yet"),
        (["pell", "--no-save"], 2, "leave out --no-save or --resume"),
    ],
)
def test_where_nothing_can_be_resumed_the_error_says_so(
    pell: Path, parrot: Path, arguments: list[str], status: int, told: str
) -> None:
    assert told in refused(chat(parrot, *arguments, "--resume", "--say", "Hi."), status)


def test_a_conversation_whose_card_is_gone_names_the_character(pell: Path, parrot: Path) -> None:
    chat(parrot, "pell", "--say", "Hi.")
    pell.unlink()

    assert "there is no character 'pell'" in refused(chat(parrot, "--resume", "--say", "And?"), 1)
