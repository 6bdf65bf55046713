"""`roleplay data propose`."""

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from tests.authoring.server import ChatServer, Reply, Request, serving
from tests.cli.conftest import refused, roleplay
from tests.tiny import save_tiny_base

GOOD = '[{"user": "Up or down?"}, {"char": "Down. Nettle first."}]'


def answering(request: Request) -> Reply | str:
    return (
        '{"voice": 9, "faithfulness": 8}' if "<dialogue>" in request.said else GOOD.replace("Up", request.said[99:130])
    )


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with serving(answering) as running:
        yield running


@pytest.fixture
def book(project: Path) -> Path:
    path = project / "book.txt"
    path.write_text("".join(f"The {n} barge went down the lock at noon.\n\n" * 2 for n in "1234"), encoding="utf-8")
    return path


def command(server: ChatServer, *more: object) -> list[object]:
    return ["data", "propose", "pell", "--from", "book.txt", "--generator", server.url, "--passage", 100, *more]


def test_it_writes_a_corpus_and_says_what_came_of_it(pell: Path, book: Path, server: ChatServer) -> None:
    done = roleplay(*command(server))
    assert done.status == 0, done.err
    out = Path("characters/pell/proposed.yaml")
    lines = done.out.splitlines()
    assert lines[0].startswith("4 of 4 passages, 4 proposals, ")
    assert lines[-1] == f"written: {out}"
    assert "passage 4/4: " in done.err
    line = "- {path: pell/proposed.yaml, kind: dialogue}"
    assert done.err.endswith(f"add to the card's corpora: {line}\n")
    pell.write_text(pell.read_text(encoding="utf-8").rstrip() + f"\n  {line}\n", encoding="utf-8")
    built = roleplay("data", "build", "pell")
    assert (built.status, str(out) in built.out) == (0, True)


def test_as_json_it_is_one_object(pell: Path, book: Path, server: ChatServer) -> None:
    done = roleplay(*command(server, "--json", "--model", "small", "--max-requests", 3))
    report = done.json
    assert (report["passages"], report["asked"], report["kept"], report["complete"]) == (4, 2, 1, False)
    assert report["spent"] == {"requests": 3, "reused": 0, "prompt_tokens": 33, "answer_tokens": 21}
    assert report["card_line"] == "- {path: pell/proposed.yaml, kind: dialogue}"
    assert Path(report["journal"]).is_file()
    assert "the cap on requests ended it; the same command with --force goes on" in done.err


def test_a_corpus_that_is_there_is_kept(pell: Path, book: Path, server: ChatServer) -> None:
    out = pell.parent / "own.yaml"
    out.write_text("mine")
    error = refused(roleplay(*command(server, "--out", out)), 1)
    assert "own.yaml is there already; add --force to replace it" in error
    assert out.read_text() == "mine"
    assert roleplay(*command(server, "--out", out, "--force")).status == 0


def test_nothing_good_enough_is_an_error_behind_the_report(pell: Path, book: Path, server: ChatServer) -> None:
    done = roleplay(*command(server, "--threshold", 9))
    assert done.status == 1
    assert "voice and faithfulness not above 9" in done.out
    assert "error: no proposal was good enough, and no corpus was written; lower --threshold" in done.err


def test_a_dry_run_prints_the_prompts_and_sends_nothing(pell: Path, book: Path, server: ChatServer) -> None:
    done = roleplay(*command(server, "--dry-run"))
    assert done.status == 0
    assert done.out.count("── propose ") == 4
    assert done.out.count("── grade ") == 1
    assert "You are Pell." in done.out
    assert done.err == "nothing was sent: 4 requests to the generator, one to the scorer a proposal, 20 at most\n"
    rows = roleplay(*command(server, "--dry-run", "--json")).rows
    assert [row["task"] for row in rows] == ["propose"] * 4 + ["grade"]
    assert [message["role"] for message in rows[0]["messages"]] == ["system", "user"]
    assert server.requests == []
    assert not list(pell.parent.rglob("*journal*"))


def test_ctrl_c_exits_130_and_the_same_command_goes_on(pell: Path, book: Path, server: ChatServer) -> None:
    main = threading.main_thread().ident
    assert main is not None

    def interrupting(request: Request) -> Reply | str:
        if len(server.requests) == 4:
            signal.pthread_kill(main, signal.SIGINT)
            return Reply(wait=0.3, hang_up=True)
        return answering(request)

    server.reply = interrupting
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stopped = roleplay(*command(server))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (stopped.status, stopped.out) == (130, "")
    assert stopped.err.endswith(
        "3 answers are in characters/pell/proposed.journal.jsonl; the same command goes on from there\n"
        "error: interrupted\n"
    )
    assert not (pell.parent / "pell" / "proposed.yaml").exists()
    server.requests.clear()
    server.reply = answering
    done = roleplay(*command(server, "--json"))
    assert (done.status, done.json["spent"]["reused"], len(server.requests)) == (0, 3, done.json["spent"]["requests"])


def test_a_server_that_fails_is_one_error(pell: Path, book: Path, server: ChatServer) -> None:
    server.reply = lambda _: Reply("who are you?", 401)
    error = refused(roleplay(*command(server)), 1)
    assert f"error: {server.url} answered with status 401: who are you?; put a key" in error


def test_a_local_base_proposes(
    pell: Path, book: Path, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    local = f"local:{save_tiny_base(tmp_path / 'roomy', chatml_tokenizer, context=4096)}"
    arguments = ["--generator", local, "--passage", 100, "--max-tokens", 16, "--temperature", 1, "--max-requests", 2]
    done = roleplay("data", "propose", "pell", "--from", "book.txt", *arguments, "--json")
    assert done.status == 1  # a random model writes no JSON
    assert done.json["refused"].keys() <= {"no JSON", "no dialogue", "cut off"}
    assert done.json["spent"]["requests"] == 2
    rows = [json.loads(line) for line in Path(done.json["journal"]).read_text(encoding="utf-8").splitlines()]
    assert {row["model"].partition("@")[0] for row in rows} == {"local:roomy"}


def test_a_base_with_too_little_room_says_so(pell: Path, book: Path, tiny_base: Path, server: ChatServer) -> None:
    error = refused(roleplay(*command(server, "--generator", f"local:{tiny_base}")), 1)
    assert "tokens and the base 'tiny' takes 512 with its answer; choose a base that takes more, or a smaller" in error


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        (["--pairs", 0, "--dialogues", 0], 2, "asks for nothing"),
        (["--generator", "pocket"], 2, "'pocket' is no server"),
        (["--generator", "local:./nowhere"], 1, "there is no folder ./nowhere"),
        (["--from", "nowhere.txt"], 1, "nowhere.txt: cannot be read"),
    ],
)
def test_wrong_usage_is_named(
    pell: Path, book: Path, server: ChatServer, more: list[object], status: int, told: str
) -> None:
    assert told in refused(roleplay(*command(server, *more)), status)
    assert server.requests == []
