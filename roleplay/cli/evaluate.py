"""`roleplay evaluate`: what an adapter learned, what the prefix does, what was forgotten."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from roleplay.cli.against import compare_adapters
from roleplay.cli.output import emit_json, emit_painted, say
from roleplay.cli.steps import Steps
from roleplay.cli.which_model import check_which_model
from roleplay.errors import AdapterError, UsageError

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.chat.open import Opened
    from roleplay.evaluation.asked_file import Asked
    from roleplay.evaluation.scope import Scope


def evaluate(
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    run: str = typer.Option(None, "--run", help="Evaluate the adapter of this run."),
    checkpoint: str = typer.Option("best", "--checkpoint", help="best, last, or a kept epoch-N."),
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]."),
    quick: bool = typer.Option(False, "--quick", help="Ask a part of everything."),
    checkpoints: bool = typer.Option(False, "--checkpoints", help="Compare all checkpoints the run kept; choose one."),
    max_forgetting: float | None = typer.Option(
        None, "--max-forgetting", min=0, help="With --checkpoints: nats per token by which base answers may suffer."
    ),
    max_copied: float | None = typer.Option(
        None, "--max-copied", min=0, max=1, help="With --checkpoints: share of copied characters that is allowed."
    ),
    against: str | None = typer.Option(
        None,
        "--against",
        help="Compare with the adapter before: start (what the run began with), RUN[@which], shipped.",
    ),
    pairs: list[Path] | None = typer.Option(
        None, "--pairs", help="With --against: files of choices, of which held-out ones count; the run's if left out."
    ),
    reward: str | None = typer.Option(
        None, "--reward", help="With --against: what drawn replies are worth, as in training; the run's if left out."
    ),
    prompts: Path | None = typer.Option(
        None, "--prompts", help="Sample answers to these instead: a line each, or JSONL or YAML with references."
    ),
    samples: int | None = typer.Option(
        None, "--samples", min=1, help="With --prompts: answers per prompt and lane; 4 if left out."
    ),
    lanes: str | None = typer.Option(
        None, "--lanes", help="With --prompts, who answers: persona+prefix,base+prefix,persona,base."
    ),
    max_new_tokens: int = typer.Option(None, "--max-new-tokens", min=1, help="Cut replies after this many tokens."),
    temperature: float = typer.Option(
        None, "--temperature", min=0, help="0 takes the likeliest token: the default, but with --prompts the card's."
    ),
    seed: int = typer.Option(None, "--seed", help="Of draws at a temperature above 0."),
    batch: int = typer.Option(None, "--batch", min=1, help="Replies drawn at once."),
    quant: str = typer.Option(None, "--quant", help="Keep the base in none, int8 or nf4; as trained if left out."),
    device: str = typer.Option("auto", "--device", help="auto, cpu or cuda."),
    dtype: str = typer.Option(None, "--dtype", help="float32 or bfloat16; float32 on a CPU if left out."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Measure an adapter against its base in four lanes: likelihood, overlap, style, manner, identity, retention."""
    check_which_model("--checkpoint", checkpoint, quant, device, dtype)
    _check_together(prompts, samples, lanes, checkpoints, quick, max_forgetting, max_copied)
    if against is None and (pairs or reward is not None):
        raise UsageError("--pairs and --reward go with --against")
    if against is not None and (prompts is not None or checkpoints):
        raise UsageError("--against compares two adapters; leave --prompts and --checkpoints out")
    from dataclasses import replace

    from roleplay.cards.find import open_card
    from roleplay.chat.open import open_character
    from roleplay.evaluation.asked_file import read_prompts
    from roleplay.evaluation.scope import FULL, QUICK
    from roleplay.models.find import adapter_choices
    from roleplay.paths import find_home
    from roleplay.preference.rewards.spec import parse_reward
    from roleplay.text import did_you_mean

    terms = parse_reward(reward) if reward is not None else ()
    typed: dict[str, Any] = {"max_new_tokens": max_new_tokens, "temperature": temperature, "seed": seed, "batch": batch}
    typed = {key: value for key, value in typed.items() if value is not None}
    scope = replace(QUICK if quick or checkpoints else FULL, **typed)
    card_file = open_card(name, find_home())
    asked = None if prompts is None else read_prompts(prompts)
    with Steps() as steps:
        opened = open_character(
            card_file,
            find_home(),
            base=base,
            run=run,
            which=checkpoint,
            trust_remote_code=trust_remote_code,
            quant=quant,
            device=device,
            dtype=dtype,
            tell=lambda stage: steps.tell(stage, 0, 1),
        )
        if opened.folder is None and checkpoint != "best":
            kept = [choice.which for choice in adapter_choices(opened.home, opened.voice.card.name)]
            raise AdapterError(f"{name} kept no checkpoint '{checkpoint}'; {did_you_mean(checkpoint, kept)}")
        if asked is not None:
            typed.pop("batch", None)
            _sample(steps, opened, asked, samples or 4, lanes, typed, scope.batch, as_json)
        elif checkpoints:
            _choose(steps, card_file, opened, scope, max_forgetting, max_copied, as_json)
        elif against is not None:
            compare_adapters(steps, card_file, opened, scope, against, pairs or [], terms, as_json)
        else:
            _report(steps, card_file, opened, scope, as_json)


def _check_together(
    prompts: Path | None,
    samples: int | None,
    lanes: str | None,
    checkpoints: bool,
    quick: bool,
    max_forgetting: float | None,
    max_copied: float | None,
) -> None:
    """Raises UsageError for options that do not go together."""
    if prompts is None and (samples is not None or lanes is not None):
        raise UsageError("--samples and --lanes go with --prompts FILE")
    if prompts is not None and (checkpoints or quick):
        raise UsageError("--prompts asks its own questions; leave --checkpoints and --quick out")
    if not checkpoints and (max_forgetting is not None or max_copied is not None):
        raise UsageError("--max-forgetting and --max-copied go with --checkpoints")


def _report(steps: Steps, card_file: "CardFile", opened: "Opened", scope: "Scope", as_json: bool) -> None:
    """The report of one adapter."""
    from dataclasses import asdict

    from roleplay.evaluation.evaluate import evaluate
    from roleplay.evaluation.table import table
    from roleplay.paths import shown

    report, place = evaluate(card_file, opened.home, opened, scope, steps.tell)
    steps.stop()
    if as_json:
        emit_json(asdict(report))
        return
    for line in table(report, shutil.get_terminal_size((100, 24)).columns):
        emit_painted(line)
    say(f"\npage with pictures: {shown(place.page)}")


def _choose(
    steps: Steps,
    card_file: "CardFile",
    opened: "Opened",
    scope: "Scope",
    max_forgetting: float | None,
    max_copied: float | None,
    as_json: bool,
) -> None:
    """Every checkpoint of a run, and which to keep."""
    from roleplay.evaluation.checkpoints import Limits, checkpoint_table, choose_checkpoint
    from roleplay.evaluation.checkpoints import as_json as checkpoints_json
    from roleplay.paths import shown

    limits = Limits(
        Limits.forgetting if max_forgetting is None else max_forgetting,
        Limits.copied if max_copied is None else max_copied,
    )
    found = choose_checkpoint(card_file, opened.home, opened, scope, limits, steps.tell)
    steps.stop()
    if as_json:
        emit_json(checkpoints_json(found))
        return
    for line in checkpoint_table(found):
        emit_painted(line)
    if found.label is not None:
        run, which = found.label.split("@", 1)
        say(f"'roleplay runs promote {opened.voice.card.name} {run}@{which}' makes it the character's")
    say(f"curves: {shown(found.picture)}")


def _sample(
    steps: Steps,
    opened: "Opened",
    asked: "Sequence[Asked]",
    samples: int,
    lanes: str | None,
    typed: dict[str, Any],
    batch: int,
    as_json: bool,
) -> None:
    """Several answers to each prompt of a file."""
    from dataclasses import asdict

    from roleplay.chat.sampled import card_sampling
    from roleplay.evaluation.sampled import answers_table, sample_answers
    from roleplay.generation.lanes import LANES, parse_lanes

    wanted = parse_lanes(lanes) if lanes else [one for one in LANES.values() if opened.engine.tuned or not one.adapter]
    sampling = card_sampling(opened.voice.card, typed)
    found = sample_answers(opened, asked, wanted, sampling, samples, batch, steps.tell)
    steps.stop()
    if as_json:
        emit_json([asdict(one) | {"mean": one.mean, "spread": one.spread} for one in found])
        return
    for line in answers_table(found):
        emit_painted(line)
