"""Runs without what takes longer than training here, and is tested elsewhere."""

import pytest
from peft import PeftModel


def be_quick(patch: pytest.MonkeyPatch) -> None:
    """No pictures, no flushing to disk, no garbage collected between runs, no model card that is replaced at once."""
    for place in ("tune", "finish"):
        patch.setattr(f"roleplay.training.{place}.draw_losses", lambda *_: None)
    patch.setattr("os.fsync", lambda handle: None)
    patch.setattr("gc.collect", lambda *_: 0)
    patch.setattr(PeftModel, "create_or_update_model_card", lambda *_: None)
