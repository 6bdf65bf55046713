"""A made-up folder of texts, and the recipe of a `pocket` that is trained on it in seconds."""

import json
import lzma
from dataclasses import dataclass
from pathlib import Path

import pytest

from roleplay.pocket import pretrain

RECIPE = """
tokens_per_step: 256
evaluate_steps: 2
compile: false
tokenizer_megabytes: 0.02
heldout_tokens: 2048
snapshots: 3
shape: {vocab_size: 400, hidden_size: 32, intermediate_size: 64, layers: 2, heads: 2, context: 256}
stages:
  - {name: language, sequence: 32, tokens: 1024, peak_lr: 4.0e-3, final_lr: 1.0e-3, warmup_steps: 1,
     sequences_per_pass: 4, mixture: {en_novels: 0.3, zh_chat_misc: 0.4, en_chat: 0.3}}
  - {name: dialogue, sequence: 64, tokens: 1024, peak_lr: 1.0e-3, final_lr: 1.0e-4, sequences_per_pass: 2,
     mixture: {zh_chat_counselling: 0.5, own_chats: 0.5}}
"""


def _chat(i: int, said: str, answer: str) -> dict[str, object]:
    turns = [("user", f"{said} {i}"), ("assistant", f"{answer} {i * 7}")]
    return {"messages": [{"role": role, "content": text} for role, text in turns]}


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources, below the current folder."""
    monkeypatch.chdir(tmp_path)
    return write_texts(tmp_path)


def write_texts(root: Path) -> Path:
    """A few hundred made-up rows in every source, and sixty dialogues of pocket's own. Returns the sources' folder."""
    folder = root / "text"
    folder.mkdir()
    rows = {
        "en_novels": [{"text": f"The {i} boats went out and {i * 3} came home before dark."} for i in range(300)],
        "zh_chat_misc": [_chat(i, "你好，今天第几次了", "第") for i in range(300)],
        "zh_chat_counselling": [_chat(i, "我睡不着", "先喝一口水") for i in range(300)] + [_chat(0, "自杀", "不")],
        "en_chat": [_chat(i, "How many", "Maybe") for i in range(300)],
    }
    for name, values in rows.items():
        with lzma.open(folder / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    chats = root / "data" / "pocket" / "chats"
    chats.mkdir(parents=True)
    own = [f"- - system: 你叫小北{i}。\n  - user: 你叫什么？\n  - char: 小北{i}。\n" for i in range(60)]
    (chats / "zh.yaml").write_text("\n".join(own), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Pretrained:
    """A tiny pocket after both stages."""

    folder: Path
    """Holds everything; the current folder of a training."""
    text: Path
    """Sources."""
    recipe: Path
    """File of the recipe."""
    work: Path
    """What training left."""

    def train(self) -> None:
        """Train it, or go on with it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            places = {"--text": self.text, "--recipe": self.recipe, "--work": self.work}
            patch.setattr("sys.argv", ["pretrain", *(str(part) for place in places.items() for part in place)])
            pretrain.main()


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    """Trained once; nothing changes it but a training, which has nothing left to do."""
    root = tmp_path_factory.mktemp("pocket")
    (root / "recipe.yaml").write_text(RECIPE)
    made = Pretrained(root, write_texts(root), root / "recipe.yaml", root / "work")
    made.train()
    return made
