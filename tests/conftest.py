"""What every test shares: an isolated home, no network, a real tokenizer, the way to third-party fixtures."""

import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when transformers imports huggingface_hub

import pytest
from hypothesis import HealthCheck, settings
from transformers import PreTrainedTokenizerFast

from roleplay.paths import Home
from roleplay.pocket.tokenizer import train_tokenizer

_QUIET = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
settings.register_profile("quick", max_examples=25, derandomize=True, **_QUIET)
settings.register_profile("soak", max_examples=2000, **_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

SENTENCES = (
    "Good morning, did you sleep well? I read a book about moles.",
    "小声一点哦，学长。逗号刚睡着，就在你的椅子上。",
    "system user assistant model You are a helpful assistant.",
)
LONG = (
    "evaluation/test_evaluate.py",
    "evaluation/test_checkpoints.py",
    "cli/test_several_processes.py",
    "cli/test_killed_runs.py",
    "cli/test_evaluate_command.py",
    "chat/test_worker.py",
    "tui/test_real_program.py",
    "serve/test_openai_client.py",
    "serve/test_bad_requests.py",
    "serve/test_many_clients.py",
    "cli/test_serve_cli.py",
    "cli/test_prefer_command.py",
    "cli/test_evaluate_against.py",
    "preference/test_choice_runs.py",
    "test_wheel.py",
)
"""Files with tests that take many seconds each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests begin first, file by file: one that begins last holds every other worker up."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of the test's own; nothing of the person's is read or written."""
    root = tmp_path / "home"
    monkeypatch.setenv("ROLEPLAY_HOME", str(root))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Home(root)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party fixtures; a test that needs it is skipped where it is absent."""
    beside = Path(__file__).parents[2] / "shared"
    folder = Path(os.environ.get("ROLEPLAY_SHARED") or beside)
    if not (folder / "fixtures").is_dir():
        pytest.skip(f"no third-party fixtures in {folder}; set ROLEPLAY_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def chatml_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of `pocket`, trained on three sentences: every byte, ChatML control tokens, few merges."""
    return train_tokenizer(SENTENCES, vocab_size=340, context=1024)
