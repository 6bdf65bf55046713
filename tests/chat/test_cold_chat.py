"""What a screen needs of a chat loads no model library."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MODULES = ["talk", "lobby", "roster", "session", "process", "store", "question", "wire", "worker"]
HEAVY = {"torch", "transformers", "peft", "numpy", "datasets"}
CONVERSATION = """
import json, sys
from pathlib import Path
from roleplay.chat.roster import roster
from roleplay.chat.store import ChatStore
from roleplay.chat.manner import Manner
from roleplay.chat.talk import Talk
from roleplay.generation.lanes import LANES
from roleplay.paths import Home
from tests.chat.scripted_worker import scripted
from roleplay.cards.load import load_card

Path("mira.yaml").write_text("schema: 1\\nname: mira\\ndisplay_name: Mira\\nlanguage: en\\n")
home = Home(Path("home"))
store = ChatStore(home.chats)
talk = Talk(load_card(Path("mira.yaml")), Manner(), home, store, scripted("plain"))
talk.say("Hi")
heard = list(talk.answer())
talk.resume(store.chats()[0].id)
roster(home, store)
talk.close()
assert [said.text for said in talk.session.line] == ["Hi", "say 0"], talk.session.line
print(json.dumps(sorted(sys.modules)))
"""


def loaded(script: str, folder: Path) -> set[str]:
    """Top-level modules that a process has loaded after `script`."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(root)!r})\n{script}"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("module", MODULES)
def test_a_part_of_the_chat_loads_no_model_library(module: str, tmp_path: Path) -> None:
    modules = loaded(f"import json, sys, roleplay.chat.{module}; print(json.dumps(list(sys.modules)))", tmp_path)
    assert "roleplay" in modules
    assert not modules & HEAVY


def test_a_whole_conversation_loads_no_model_library(tmp_path: Path) -> None:
    modules = loaded(CONVERSATION, tmp_path)
    assert "roleplay" in modules
    assert not modules & HEAVY
