"""`--to vllm`: the command, the requests of three lanes, and what vLLM does not take."""

import json
import re
import shlex
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import PreTrainedTokenizerFast

from roleplay.cards.load import load_card
from roleplay.cards.prompt import default_prefixes
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.dialogue import Turn
from roleplay.errors import AdapterError
from roleplay.export.export import export
from roleplay.export.subject import find_subject
from roleplay.export.vllm import RANKS, serve_command, served_rank
from roleplay.models.base import load_tokenizer
from roleplay.models.spec import parse_spec
from roleplay.paths import Home
from tests.export.made import edit_json, everything, save_other, save_run
from tests.training.pell import write_pell


def body(folder: Path, lane: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "requests" / f"{lane}.json").read_text(encoding="utf-8"))
    return found


def arguments(folder: Path, *given: str, at: Path) -> list[str]:
    """What serve.sh gives vLLM, found out with a vLLM that prints its arguments."""
    fake = at / "bin" / "vllm"
    fake.parent.mkdir(exist_ok=True)
    fake.write_text('#!/bin/sh\npwd\nfor one in "$@"; do printf "%s\\n" "$one"; done\n')
    fake.chmod(0o755)
    told = subprocess.run(
        ["sh", str(folder / "serve.sh"), *given],
        env={"PATH": f"{fake.parent}:/usr/bin:/bin"},
        cwd=at,
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.splitlines()


def test_the_script_serves_base_and_adapter(pell: Path, home: Home, base: Path, tmp_path: Path) -> None:
    done = export(home, "pell", "vllm")
    where, *given = arguments(done.folder, str(base), at=tmp_path)
    assert where == str(done.folder)
    assert given[:-1] == [
        *("serve", str(base), "--served-model-name", "tiny", "--enable-lora", "--max-lora-rank", "8", "--lora-modules")
    ]
    assert json.loads(given[-1]) == {"name": "pell", "path": "adapter", "base_model_name": "tiny"}
    assert f"the base is a folder here, which serve.sh takes as its argument: sh serve.sh {base}" in done.notes


def test_a_relative_folder_is_meant_from_where_the_script_is_started(pell: Path, home: Home, tmp_path: Path) -> None:
    done = export(home, "pell", "vllm")
    assert arguments(done.folder, "models/one", at=tmp_path)[2] == str(tmp_path / "models" / "one")


def test_a_base_of_the_hub_is_named_with_its_revision(pell: Path, home: Home) -> None:
    passport = home.runs / "pell" / "tiny" / "adapter" / "best" / "roleplay.json"
    identity = json.loads(passport.read_text())["base"]
    edit_json(passport, base=identity | {"name": "maker/small-1b", "revision": "abc123"})
    line = serve_command(find_subject(home, "pell", None, None), 8, "maker/small-1b")
    modules = '{"name": "pell", "path": "adapter", "base_model_name": "maker/small-1b"}'
    assert shlex.split(line) == [
        *("vllm", "serve", "maker/small-1b", "--revision", "abc123", "--served-model-name", "maker/small-1b"),
        *("--enable-lora", "--max-lora-rank", "8", "--lora-modules", modules),
    ]


@pytest.mark.parametrize(("rank", "allowed"), [(1, 1), (2, 8), (8, 8), (9, 16), (80, 128), (257, 320), (512, 512)])
def test_the_smallest_rank_that_holds_the_adapter_is_asked_for(rank: int, allowed: int, pell: Path, home: Home) -> None:
    edit_json(home.runs / "pell" / "tiny" / "adapter" / "best" / "adapter_config.json", r=rank)
    assert served_rank(find_subject(home, "pell", None, None)) == allowed
    assert allowed in RANKS


def test_a_rank_above_all_of_them_is_refused(pell: Path, home: Home) -> None:
    edit_json(home.runs / "pell" / "tiny" / "adapter" / "best" / "adapter_config.json", r=513)
    with pytest.raises(AdapterError, match="has rank 513, and vLLM serves none above 512; export with --to merged"):
        export(home, "pell", "vllm")


def test_fused_projections_stored_the_other_way_are_refused(
    project: Path, home: Home, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    folder = save_other(tmp_path / "gpt2", "gpt2", chatml_tokenizer)
    write_pell(project / "characters", folder)
    save_run(home, "pell", folder)
    with pytest.raises(
        AdapterError, match=r"sits on c_attn of a gpt2 model, stored \(in, out\); vLLM takes adapters on"
    ):
        export(home, "pell", "vllm")


def test_the_adapter_has_two_matrices_for_each_projection(pell: Path, home: Home) -> None:
    done = export(home, "pell", "vllm")
    with safe_open(done.folder / "adapter" / "adapter_model.safetensors", framework="pt") as file:
        shapes = {name: tuple(file.get_tensor(name).shape) for name in file.keys()}  # noqa: SIM118  # no mapping
        assert {file.get_tensor(name).dtype for name in shapes} == {torch.float32}
    assert shapes == {
        f"base_model.model.model.layers.{layer}.self_attn.{name}_proj.lora_{half}.weight": shape
        for layer in (0, 1)
        for name in "qkv"
        for half, shape in (("A", (4, 32)), ("B", (32, 4)))
    }


@pytest.mark.parametrize("lane", ["base", "persona", "persona+prefix"])
def test_a_request_is_what_chat_sends(lane: str, pell: Path, home: Home, base: Path) -> None:
    more = '  - {id: near, text: "(Softly, {{user}}. <|im_end|>)", place: last_user}\ncorpora:'
    pell.write_text(pell.read_text(encoding="utf-8").replace("corpora:", more), encoding="utf-8")
    done = export(home, "pell", "vllm")
    found = body(done.folder, lane)
    tokenizer = load_tokenizer(parse_spec(str(base)))
    text = tokenizer.apply_chat_template(found["messages"], tokenize=False, add_generation_prompt=True)
    card = load_card(pell).card
    voice = Voice(card, tuple(card.prefixes), make_renderer(tokenizer))
    turns = [Turn("assistant", "Hello, {{user}}."), Turn("user", "Hello.")]
    active = default_prefixes(card.prefixes) if lane == "persona+prefix" else []
    assert tokenizer(text, add_special_tokens=False)["input_ids"] == voice.prompt_ids(turns, active)
    assert found["model"] == {"base": "tiny"}.get(lane, "pell")
    assert ("Softly" in text) == (lane == "persona+prefix")
    numbers = {key: value for key, value in found.items() if key not in ("model", "messages")}
    assert numbers == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": 256,
    }


def test_the_lines_of_its_page_send_the_requests(pell: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    done = export(home, "pell", "vllm")
    asked: list[Any] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            reply = {"choices": [{"message": {"role": "assistant", "content": "Hm."}, "index": 0}]}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(reply).encode())

        def log_message(self, format: str, *given: object) -> None:  # the library's name
            pass

    (code,) = re.findall(r"```python\n(.*?)\n```", (done.folder / "README.md").read_text(encoding="utf-8"), flags=re.S)
    monkeypatch.chdir(done.folder)
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        exec(code.replace("localhost:8000", f"127.0.0.1:{server.server_port}"), {})  # noqa: S102  # as a reader would
        server.shutdown()
        thread.join()
    assert asked == [body(done.folder, lane) for lane in ("base", "persona", "persona+prefix")]


def test_thinking_is_switched_off_where_the_template_knows_the_switch(pell: Path, home: Home, base: Path) -> None:
    subject = find_subject(home, "pell", None, None)
    tokenizer = load_tokenizer(parse_spec(str(base)))
    from roleplay.export.requests import lane_requests

    assert "chat_template_kwargs" not in lane_requests(subject, make_renderer(tokenizer), base="b")["base"]
    tokenizer.chat_template = str(tokenizer.chat_template) + "{% if enable_thinking %}{% endif %}"
    found = lane_requests(subject, make_renderer(tokenizer), base="b")["base"]
    assert found["chat_template_kwargs"] == {"enable_thinking": False}


def test_the_same_adapter_gives_the_same_bytes_and_no_trace_of_its_author(pell: Path, home: Home, base: Path) -> None:
    first = everything(export(home, "pell", "vllm", Path("one")).folder)
    assert first == everything(export(home, "pell", "vllm", Path("two")).folder)
    for content in first.values():
        for trace in (str(base), str(home.root), str(pell.parent)):
            assert trace.encode() not in content
