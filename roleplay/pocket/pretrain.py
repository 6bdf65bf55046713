"""Pretrain `pocket`: `python -m roleplay.pocket.pretrain`; stopped in whatever way, it goes on where it was."""

import argparse
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

from roleplay.errors import RoleplayError, RunError
from roleplay.models.base import quieten
from roleplay.paths import write_file
from roleplay.pocket.averaging import choose
from roleplay.pocket.config import Recipe, Shape, Stage, load_recipe
from roleplay.pocket.mixture import HELDOUT, OWN_CHATS, tokenizer_texts
from roleplay.pocket.sequences import Heldout, Sequences, Stream
from roleplay.pocket.stage import Ended, run_stage
from roleplay.pocket.tokenizer import load_tokenizer, train_tokenizer
from roleplay.pocket.tokens import prompt_ids, tokens_of

CHATS = Path("data/pocket/chats")
_ENDED = "ended.json"


class Pretraining:
    """A recipe, the text, and a work folder: `tokenizer/`, `tokens/`, a folder a stage, `metrics.jsonl`, `final/`."""

    def __init__(self, recipe: Recipe, text: Path, work: Path, shared: Path | None = None) -> None:
        """`shared` holds tokenizer and tokens where several pretrainings have the same; else the work folder does.

        Raises RunError where another recipe was begun in the work folder.
        """
        quieten()
        self.recipe, self.text, self.work, self.shared = recipe, text, work, shared or work
        work.mkdir(parents=True, exist_ok=True)
        _claim(work, recipe)

    def run(self, until: float | None = None) -> bool:
        """Take every stage that is not at its end to it; false where time or a person ended that."""
        tokenizer = self.tokenizer()
        set_seed(self.recipe.seed)
        model = build_model(self.recipe.shape, tokenizer)
        for number, stage in enumerate(self.recipe.stages):
            folder = self.work / stage.name
            if not (folder / _ENDED).exists():
                began = time.monotonic()
                material = self._material(stage, number, tokenizer)
                before = sum(ended["tokens"] for ended in self._ended())
                ended = run_stage(self.recipe, stage, model, material, self.work, before=before, until=until)
                self._note(stage, material[0], ended, time.monotonic() - began)
                if ended is None:
                    return False
            model = LlamaForCausalLM.from_pretrained(folder / "final", dtype=torch.float32)
        if not (self.work / "pretrained.json").exists():
            self._finish(tokenizer)
        return True

    def prepare(self) -> None:
        """Tokenizer and token ids of all sources, which take no GPU."""
        tokenizer = self.tokenizer()
        for number, stage in enumerate(self.recipe.stages):
            self._material(stage, number, tokenizer)

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer, trained once."""
        folder = self.shared / "tokenizer"
        if not (folder / "tokenizer.json").exists():
            say("training the tokenizer …")
            sources = sorted({name for stage in self.recipe.stages for name in stage.mixture} - {OWN_CHATS})
            texts = tokenizer_texts(self.text, sources, self.recipe.tokenizer_megabytes, self.recipe.seed)
            shape = self.recipe.shape
            train_tokenizer(texts, shape.vocab_size, shape.context).save_pretrained(folder)
        return load_tokenizer(folder)

    def _material(
        self, stage: Stage, number: int, tokenizer: PreTrainedTokenizerFast
    ) -> tuple[Sequences, dict[str, Heldout], dict[str, float]]:
        say(f"{stage.name}: reading text …")
        steps = -(-stage.tokens // self.recipe.tokens_per_step)
        count = steps * self.recipe.tokens_per_step // stage.sequence
        streams = {name: self._stream(name, stage.sequence, number, tokenizer) for name in stage.mixture}
        heldout = {
            kind: Heldout(
                [self._stream(name, stage.sequence, None, tokenizer) for name in names], self.recipe.heldout_tokens
            )
            for kind, names in HELDOUT.items()
        }
        scale = {kind: rows.bits_per_nat(tokenizer) for kind, rows in heldout.items()}
        return Sequences(streams, stage.mixture, count), heldout, scale

    def _stream(self, name: str, length: int, stage: int | None, tokenizer: PreTrainedTokenizerFast) -> Stream:
        """Of the trained rows for a stage, of the held-out ones for none."""
        kept = self.shared / "tokens"
        options = {"text": self.text, "chats": CHATS, "tokenizer": tokenizer, "kept": kept}
        tokens = tokens_of(name, heldout=stage is None, **options)
        seed = [self.recipe.seed, stage + 1, crc32(name.encode())] if stage is not None else [0]
        return Stream(tokens, prompt_ids(tokenizer), length, seed)

    def _ended(self) -> list[dict[str, Any]]:
        files = [self.work / stage.name / _ENDED for stage in self.recipe.stages]
        return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]

    def _note(self, stage: Stage, sequences: Sequences, ended: Ended | None, seconds: float) -> None:
        """The seconds of a slice, and of a stage that has ended what came of it."""
        slices = self.work / stage.name / "seconds.json"
        spent = [*(json.loads(slices.read_text(encoding="utf-8")) if slices.exists() else []), seconds]
        write_file(slices, json.dumps(spent) + "\n")
        if ended is not None:
            tokens = ended.steps * self.recipe.tokens_per_step
            passes = sequences.passes(tokens // stage.sequence)
            told = {"name": stage.name, "tokens": tokens, "seconds": sum(spent), "ended": ended.why, "passes": passes}
            write_file(self.work / stage.name / _ENDED, json.dumps(told) + "\n")

    def _finish(self, tokenizer: PreTrainedTokenizerFast) -> None:
        say("choosing weights …")
        last = self.recipe.stages[-1]
        _, heldout, scale = self._material(last, len(self.recipe.stages) - 1, tokenizer)
        candidates = choose(self.work / last.name, heldout, scale, self.work / "final")
        tokenizer.save_pretrained(self.work / "tokenizer")
        ended, passes = self._ended(), dict[str, float]()
        for stage in ended:
            for name, count in stage.pop("passes").items():
                passes[name] = passes.get(name, 0.0) + count
        told = {
            "hardware": hardware(),
            "seconds": sum(stage["seconds"] for stage in ended),
            "tokens": sum(stage["tokens"] for stage in ended),
            "passes": passes,
            "stages": ended,
            "weights": candidates[0].weights,
            "candidates": [{"weights": one.weights, **one.bits} for one in candidates],
            "versions": {name: version(name) for name in ("torch", "transformers")},
        }
        write_file(self.work / "pretrained.json", json.dumps(told, indent=2) + "\n")


def _claim(work: Path, recipe: Recipe) -> None:
    file = work / "recipe.json"
    if not file.exists():
        write_file(file, recipe.model_dump_json(indent=2) + "\n")
    elif (began := Recipe.model_validate_json(file.read_text(encoding="utf-8"))) != recipe:
        before, now = began.model_dump(), recipe.model_dump()
        changed = ", ".join(key for key in now if before[key] != now[key])
        raise RunError(f"{work} was begun with another recipe ({changed}); give another --work, or remove that one")


def build_model(shape: Shape, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama-shaped model with tied embeddings and separate q, k and v projections."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.intermediate_size,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=shape.context,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def hardware() -> str:
    """What it runs on, for people."""
    if torch.cuda.is_available():
        return f"one {torch.cuda.get_device_name()}"
    return f"{os.cpu_count()} cores of a CPU ({platform.machine()})"


def say(text: str) -> None:
    """A line for people."""
    sys.stderr.write(f"{text}\n")


def main() -> None:
    """Go on until the end, or for a slice; status 1 where something is left to do."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("ROLEPLAY_SHARED", "../shared"))
    parser.add_argument("--text", type=Path, default=shared / "pretrain", help="folder of the .jsonl.xz sources")
    parser.add_argument("--recipe", type=Path, default=Path(__file__).with_name("pretrain.yaml"))
    parser.add_argument("--work", type=Path, default=Path("build/pocket"), help="checkpoints and metrics")
    parser.add_argument(
        "--tokens", type=Path, help="folder with a tokenizer and tokens that several work folders share"
    )
    parser.add_argument("--minutes", type=float, help="stop after so many, to go on with the same command")
    parser.add_argument("--prepare", action="store_true", help="tokenizer and token ids only, which need no GPU")
    chosen = parser.parse_args()
    until = None if chosen.minutes is None else began + 60 * chosen.minutes
    try:
        job = Pretraining(load_recipe(chosen.recipe), chosen.text, chosen.work, chosen.tokens)
        if chosen.prepare:
            job.prepare()
        elif not job.run(until):
            sys.exit("stopped before the end; the same command goes on")
    except RoleplayError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
