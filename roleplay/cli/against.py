"""`roleplay evaluate --against`: an adapter before and after."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.cli.output import emit_json, emit_painted, say
from roleplay.cli.steps import Steps

if TYPE_CHECKING:
    from roleplay.cards.load import CardFile
    from roleplay.chat.open import Opened
    from roleplay.evaluation.scope import Scope
    from roleplay.preference.rewards.spec import Term


def compare_adapters(
    steps: Steps,
    card_file: "CardFile",
    opened: "Opened",
    scope: "Scope",
    against: str,
    pairs: Sequence[Path],
    reward: "tuple[Term, ...]",
    as_json: bool,
) -> None:
    """The opened adapter after, the one called `against` before."""
    from dataclasses import asdict

    from roleplay.evaluation.against.asked import asked_of_run
    from roleplay.evaluation.against.compare import compare
    from roleplay.evaluation.against.earlier import earlier_adapter
    from roleplay.evaluation.against.table import comparison_table
    from roleplay.paths import shown

    earlier = earlier_adapter(opened, against)
    asked = asked_of_run(card_file, opened, scope, pairs, reward)
    found, place = compare(card_file, opened, earlier, asked, steps.tell)
    steps.stop()
    if as_json:
        emit_json(asdict(found))
        return
    for line in comparison_table(found, shutil.get_terminal_size((100, 24)).columns):
        emit_painted(line)
    say(f"\npage with a picture: {shown(place.page)}")
