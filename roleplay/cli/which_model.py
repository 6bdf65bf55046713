"""Typed options that say which adapter answers and how its base is kept, checked before anything is loaded."""

from roleplay.errors import UsageError


def check_which_model(option: str, adapter: str, quant: str | None, device: str, dtype: str | None) -> None:
    """`option` is the one that `adapter` was typed with. Raises UsageError for a value that is none of its choices."""
    if adapter not in ("best", "last") and not adapter.removeprefix("epoch-").replace(".", "", 1).isdecimal():
        raise UsageError(f"{option} {adapter}: choose best, last, or a kept epoch such as epoch-20")
    if quant not in (None, "none", "int8", "nf4"):
        raise UsageError(f"--quant {quant}: choose none, int8 or nf4")
    if dtype not in (None, "float32", "bfloat16"):
        raise UsageError(f"--dtype {dtype}: choose float32 or bfloat16")
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {device}: choose auto, cpu or cuda")
