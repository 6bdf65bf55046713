"""A pack as people read it, installed or not."""

from typing import TYPE_CHECKING

from roleplay.cli.output import emit, emit_painted

if TYPE_CHECKING:
    from roleplay.packs.manifest import Manifest

_WIDTH = 26


def emit_manifest(manifest: "Manifest") -> None:
    """Everything that a pack says of itself."""
    emit_painted([(manifest.display_name, "1"), (f"  {manifest.name}, version {manifest.version}", "2")])
    if manifest.description:
        emit(manifest.description)
    _line("by", manifest.creator)
    _line("licence", manifest.license or "none named: nobody else may use it")
    _line("language", manifest.language)
    _line("made by", manifest.made_by)
    base, adapter, recipe = manifest.base, manifest.adapter, manifest.recipe
    if base is not None and adapter is not None:
        _line("base", base.name + (f"@{base.revision}" if base.revision else ""))
        for part in ("config", "tokenizer", "template", "weights"):
            _line(f"  {part}", getattr(base, part) or "not known")
        loss = "" if adapter.heldout_loss is None else f", held-out loss {adapter.heldout_loss:.3f}"
        _line("adapter", f"rank {adapter.rank}, alpha {adapter.alpha:g}{', rsLoRA' if adapter.rslora else ''}")
        _line("  on", f"{', '.join(adapter.targets)}: {adapter.modules} modules")
        _line("  weights", f"{adapter.parameters:,} numbers in {adapter.dtype}, step {adapter.step:,}{loss}")
    if recipe is not None:
        changed = ", ".join(f"{key} {value}" for key, value in recipe.settings.items() if value is not None)
        _line("recipe", f"preset {recipe.preset}")
        _line("  settings", changed)
        _line("  dataset", recipe.dataset or "not known")
        _line("  with", ", ".join(f"{name} {version}" for name, version in recipe.environment.items()))
    _emit_evidence(manifest)
    for line in manifest.left_out:
        _line("left out", line)
    emit_painted([("files", "1")])
    for entry in manifest.entries:
        emit(f"  {entry.size:>12,}  {entry.sha256[:16]}  {entry.path}")


def _emit_evidence(manifest: "Manifest") -> None:
    evidence = manifest.evidence
    if evidence.training:
        _line("trained", ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in evidence.training.items()))
    if evidence.heldout_bits:
        emit_painted([("held-out bits per character, 95 % interval", "1")])
        for lane, figure in evidence.heldout_bits.items():
            emit(f"  {lane:<16} {figure.value:.3f}  [{figure.low:.3f}, {figure.high:.3f}]")
    if evidence.evaluation:
        emit_painted([("evaluation", "1")])
    for measure in evidence.evaluation:
        times, sign = (100, " %") if measure.scale == "percent" else (1, "")
        lanes = ", ".join(f"{lane} {figure.value * times:.3g}{sign}" for lane, figure in measure.lanes.items())
        emit(f"  {measure.title}: {lanes}")
    for sample in evidence.samples:
        emit_painted([(f"  {sample.prompt}", "2")])
        for lane, reply in sample.replies.items():
            emit(f"    {lane:<16} {reply}")


def _line(key: str, value: str) -> None:
    if value:
        emit_painted([(f"{key:<{_WIDTH}}", "36"), (value, "")])
