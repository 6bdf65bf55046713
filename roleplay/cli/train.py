"""`roleplay train`: tune an adapter for a character."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from roleplay.cli.choices import emit_choice_forecast, emit_choices, run_choices
from roleplay.cli.output import emit, emit_json, emit_painted, say, speaks

if TYPE_CHECKING:
    from roleplay.training.prepare import Job
    from roleplay.training.start import Plan, Start


def _list_presets(wanted: bool) -> None:
    if wanted:
        from roleplay.training.resolve import every_preset

        for name, values in every_preset().items():
            emit_painted([(f"{name:<10}", "1"), (f" {values.pop('about')}", "")])
            emit_painted([(" " * 11 + ", ".join(f"{key} {value}" for key, value in values.items()), "2")])
        raise typer.Exit


_LIST_PRESETS = typer.Option(
    False, "--list-presets", callback=_list_presets, is_eager=True, help="Say what each preset is for and sets."
)


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is no list of numbers; write one such as 5,20") from error


def _options(text: str) -> dict[str, Any]:
    import json

    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise typer.BadParameter(f"'{text}' is no JSON object; write one such as {{\"min_lr\": 1e-5}}")
    return value


def train(
    context: typer.Context,
    name: str = typer.Argument(help="Name of a character, or a card's path."),
    preset: str = typer.Option(None, "--preset", help="A name of --list-presets."),
    list_presets: bool = _LIST_PRESETS,
    base: str = typer.Option(None, "--base", help="pocket, a folder, or a hub id[@revision]."),
    stage: str = typer.Option(
        None, "--stage", help="sft (dialogues), pt (raw text), dpo, kto, rm (--pairs), rloo, grpo (--reward)."
    ),
    pairs: list[Path] = typer.Option([], "--pairs", help="File of choices; again for more."),
    reward: str = typer.Option(None, "--reward", help="What drawn replies are rewarded for, such as 'stop + style'."),
    beta: float = typer.Option(None, "--beta", help="How strongly choices are held to the adapter they begin with."),
    max_kl: float = typer.Option(None, "--max-kl", help="Nats per reply from that adapter at which the run ends."),
    generations: int = typer.Option(None, "--generations", help="Replies drawn to a prompt and compared."),
    temperature: float = typer.Option(None, "--temperature", help="Of the replies that are drawn."),
    max_new_tokens: int = typer.Option(None, "--max-new-tokens", help="Cut drawn replies after this many tokens."),
    tuning: str = typer.Option(None, "--tuning", help="lora, or freeze or full, which write a new base."),
    freeze_layers: int = typer.Option(None, "--freeze-layers", help="Layers that freeze trains, from the last."),
    from_adapter: str = typer.Option(None, "--from-adapter", help="Go on with this: a run, a folder, or latest."),
    replay: float = typer.Option(None, "--replay", help="Weight of what that adapter's run was trained on."),
    epochs: float = typer.Option(None, "--epochs", help="Passes over the dataset."),
    max_steps: int = typer.Option(None, "--max-steps", help="Optimizer steps in all."),
    max_samples: int = typer.Option(None, "--max-samples", help="Most samples of an epoch, drawn anew for each."),
    batch_size: int = typer.Option(None, "--batch-size", help="Sequences in one padded pass."),
    grad_accum: int = typer.Option(None, "--grad-accum", help="Times --batch-size: samples of a step."),
    learning_rate: float = typer.Option(None, "--lr", "--learning-rate", help="Peak learning rate."),
    loraplus_lr_ratio: float = typer.Option(None, "--loraplus-lr-ratio", help="LoRA+: rate of B over that of A."),
    adam_beta2: float = typer.Option(None, "--adam-beta2", help="Decay of AdamW's second moment."),
    optimizer: str = typer.Option(None, "--optimizer", help="adamw or, on a GPU, paged_adamw_8bit."),
    scheduler: str = typer.Option(None, "--scheduler", help="A name of transformers' schedulers."),
    scheduler_options: str = typer.Option(
        None, "--scheduler-options", parser=_options, metavar="JSON", help='Such as {"min_lr": 1e-5}.'
    ),
    warmup_steps: float = typer.Option(None, "--warmup-steps", help="Linear warm-up; below 1 a share of all steps."),
    weight_decay: float = typer.Option(None, "--weight-decay", help="Decoupled weight decay."),
    max_grad_norm: float = typer.Option(None, "--max-grad-norm", help="Gradients are scaled down to this norm."),
    rank: int = typer.Option(None, "--rank", help="Rank of the LoRA matrices."),
    alpha: float = typer.Option(None, "--alpha", help="LoRA scale is alpha / rank."),
    rslora: bool = typer.Option(None, "--rslora/--no-rslora", help="The scale is alpha / sqrt(rank) instead."),
    dropout: float = typer.Option(None, "--dropout", help="LoRA dropout."),
    max_length: int = typer.Option(None, "--max-length", help="Longest sequence in tokens."),
    logging_steps: int = typer.Option(None, "--logging-steps", help="Steps between training losses."),
    eval_steps: int = typer.Option(None, "--eval-steps", help="Steps between held-out losses."),
    save_steps: int = typer.Option(None, "--save-steps", help="Steps between checkpoints."),
    early_stopping: int = typer.Option(None, "--early-stopping", help="Held-out losses without a new lowest."),
    keep_epochs: str = typer.Option(
        None, "--keep-epochs", parser=_numbers, metavar="N,…", help="Epochs whose adapters are kept, such as 5,20."
    ),
    prefix_dropout: float = typer.Option(
        None, "--prefix-dropout", help="Share of samples without any prefix: 0 none of them, 1 all."
    ),
    samples: int = typer.Option(None, "--samples", help="Held-out prompts answered after each epoch; 0 for none."),
    batching: str = typer.Option(None, "--batching", help="tree or padded."),
    max_tokens_per_pass: int = typer.Option(None, "--max-tokens-per-pass", help="Split steps with more tokens."),
    device: str = typer.Option(None, "--device", help="auto, cpu or cuda."),
    dtype: str = typer.Option(None, "--dtype", help="auto, float32, bfloat16 or float16."),
    quant: str = typer.Option(None, "--quant", help="Keep the base in none, int8 or nf4."),
    gradient_checkpointing: bool = typer.Option(
        None, "--gradient-checkpointing/--no-gradient-checkpointing", help="Less memory, more time."
    ),
    compile_: bool = typer.Option(None, "--compile/--no-compile", help="Compile the model with torch."),
    seed: int = typer.Option(None, "--seed", help="Seed of weights, order and prefix draws."),
    run: str = typer.Option(None, "--run", help="Name of the run; made of date and preset if left out."),
    resume: bool = typer.Option(False, "--resume", help="Go on with the newest unfinished run, or with --run."),
    anyway: bool = typer.Option(False, "--anyway", help="With --resume: accept a changed card, corpus, base, setting."),
    plan: bool = typer.Option(False, "--plan", help="Tell samples, steps, memory and time; train and write nothing."),
    trust_remote_code: bool = typer.Option(False, "--trust-remote-code", help="Let the base's own code run."),
    as_json: bool = typer.Option(False, "--json", help="Print the summary as one JSON object."),
) -> None:
    """Build the dataset, tune q, k and v of every layer, keep the best and the last adapter.

    Ctrl-C or SIGTERM saves and stops; --resume goes on.
    """
    from roleplay.cards.find import open_card
    from roleplay.errors import UsageError
    from roleplay.paths import find_home
    from roleplay.training.processes import from_first, join
    from roleplay.training.settings import PREFERENCE, Settings
    from roleplay.training.start import Start, plan_new, plan_resume

    home = find_home()
    given = context.params | {"compile": compile_, "pairs": tuple(str(path.absolute()) for path in pairs) or None}
    typed = {key: given[key] for key in Settings.model_fields if key in given}
    start = Start(open_card(name, home), base, preset, typed, run, trust_remote_code)
    if plan and resume:
        raise UsageError("--plan is about a new run; leave --resume out")
    if anyway and not resume:
        raise UsageError("--anyway goes with --resume")
    join(device)
    planned = from_first(lambda: plan_resume(home, start, anyway=anyway) if resume else plan_new(home, start))
    by_choices = planned.resolved.settings.stage in PREFERENCE
    if plan:
        (emit_choice_forecast if by_choices else emit_forecast)(start, planned, as_json=as_json)
        return
    summary = (run_choices if by_choices else run_plan)(planned, start, resume=resume)
    if as_json:
        emit_json(summary)
    elif speaks():  # of several processes the first has the summary
        emit_summary(summary)
    if not summary["finished"]:
        say(f"stopped at step {summary['step']}; 'roleplay train {name} --resume' goes on from there")
        raise typer.Exit(130)
    if "adapter" in summary:
        _tell_promoted(planned)


def _tell_promoted(plan: "Plan") -> None:
    """That another run still answers, where one was promoted."""
    from roleplay.models.find import promoted_adapter

    character, new = plan.run.folder.parent.name, plan.run.name
    own = promoted_adapter(plan.home, character)
    if own is not None and own.run != new:
        say(
            f"{own.label} is promoted and still answers for {character}; 'roleplay runs promote {character} {new}' "
            "lets this run answer"
        )


def run_plan(plan: "Plan", start: "Start", *, resume: bool) -> dict[str, Any]:
    """Load, say what will be trained, train behind a progress bar; returns the summary."""
    from roleplay.training.start import load

    with plan.run.locked():
        say(f"loading {plan.base or 'pocket'}, building the dataset of {start.card_file.card.name} …")
        return tune(load(plan, start), resume=resume)


def tune(job: "Job", *, resume: bool) -> dict[str, Any]:
    """Say what is trained and train it; the run's folder must be held."""
    from roleplay.cli.progress import Bar
    from roleplay.training.tune import train as train_job

    settings, decisions = job.config.settings, job.config.decisions
    what = "adapter on" if settings.tuning == "lora" else "tuning"
    say(f"{what} {job.config.targets}; {job.parameters:,} parameters")
    scale = f"rank {settings.rank}, " if settings.tuning == "lora" else ""
    kept = "" if settings.quant == "none" else f", base in {settings.quant}"
    say(
        f"{job.config.preset}: {settings.epochs:g} epochs, {settings.batch_size} x {settings.grad_accum} samples a "
        f"step, lr {settings.learning_rate:g}, {scale}{decisions.dtype} on {decisions.device}{kept}"
    )
    with Bar() as bar:
        return train_job(job, resume=resume, report=bar.report, say=say)


def emit_forecast(start: "Start", plan: "Plan", *, as_json: bool) -> None:
    """What the run would be, after a few timed steps."""
    from dataclasses import asdict

    from roleplay.training.forecast import forecast
    from roleplay.training.start import load

    say(f"loading {plan.base or 'pocket'}, taking a few steps of {start.card_file.card.name} to throw away …")
    told = forecast(load(plan, start, cached=False))
    if as_json:
        emit_json(asdict(told))
        return
    counts, memory = told.counts, told.memory
    emit(f"{told.character} on {told.base}, preset {told.preset}, {told.dtype} on {told.device}")
    mix = ", ".join(f"{part.per_epoch} {part.kind} at weight {part.weight:g}" for part in counts.corpora)
    emit(f"samples  {counts.samples} an epoch ({mix}), {counts.heldout_samples} held out, {counts.tokens:,} tokens")
    emit(
        f"limit    {counts.dropped} dropped, {counts.cut} cut, {counts.end_lost} end-lost; the longest has "
        f"{counts.longest} of {counts.limit} tokens"
    )
    saving = f"{told.tree_tokens:,.0f} tokens as a tree, {told.padded_tokens:,.0f} padded"
    because = f" ({told.batching_because})" if told.batching_because else ""
    emit(f"step     {told.samples_per_step} samples: {saving}; computed {told.batching}{because}")
    emit(f"trained  {told.targets}, {told.parameters:,} parameters")
    parts = {
        "base": memory.base,
        "trained": memory.trained,
        "gradients": memory.gradients,
        "AdamW": memory.optimizer,
        "a step's activations": memory.activations,
    }
    listed = ", ".join(f"{name} {size / 1e6:,.1f}" for name, size in parts.items())
    emit(f"memory   {listed}; peak with everything else {memory.peak / 1e6:,.0f} (MB)")
    emit(
        f"time     {told.steps:,} steps of {told.seconds_per_step:.2f} s: {told.seconds / 60:,.0f} minutes, "
        "held-out losses not counted"
    )


def emit_summary(summary: dict[str, Any]) -> None:
    """The outcome for a person."""
    from roleplay.paths import shown

    if summary["finished"]:
        loss, best = summary["training_loss"], summary["best_heldout_loss"]
        told = "" if loss is None else f", training loss {loss:.3f}"
        told += "" if best is None else f", held-out {best:.3f} at step {summary['best_step']}"
        emit(f"{summary['steps']} steps in {summary['seconds']:.0f} s{told}")
        emit_choices(summary)
        emit_bits(summary.get("heldout_bits_per_character", {}))
        made = next(key for key in ("adapter", "base", "reward") if key in summary)
        emit(f"{made:<8} {shown(Path(summary[made]))}")
        emit(f"picture  {shown(Path(summary['picture']))}")
    else:
        emit(f"run      {shown(Path(summary['folder']))}")


def emit_bits(bits: dict[str, Any]) -> None:
    """Held-out bits per character, a lane a line; lower is better."""
    if not bits:
        return
    emit("held-out answers, bits per character (95 % interval over dialogues; lower is better)")
    for lane, interval in bits.items():
        emit(f"  {lane:<15} {interval['value']:.3f}  [{interval['low']:.3f}, {interval['high']:.3f}]")
