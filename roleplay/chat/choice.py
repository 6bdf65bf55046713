"""Which base and which adapter a character is to be opened with."""

from dataclasses import dataclass
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.errors import AdapterError
from roleplay.models.adapter import check_adapter
from roleplay.models.find import adapter_folders, base_of_adapter, quant_of_adapter
from roleplay.models.passport import BaseIdentity
from roleplay.models.promoted import promotion_trouble
from roleplay.models.spec import BaseSpec, parse_spec
from roleplay.paths import Home
from roleplay.text import did_you_mean


@dataclass(frozen=True)
class Choice:
    """What was found before anything is loaded."""

    name: str
    """Of the character."""
    spec: BaseSpec
    """The base."""
    quant: str
    """How it is kept in memory."""
    folders: tuple[Path, ...]
    """The character's adapters, the preferred one first."""
    strict: bool
    """Whether the first of them was asked for, so that no other will do."""
    trouble: str
    """What keeps the promoted adapter from being preferred; else empty."""

    def fitting(self, identity: BaseIdentity) -> tuple[Path | None, str]:
        """The first adapter that belongs to the base as loaded, and what the person should know.

        Raises AdapterError where the one that was asked for does not.
        """
        notice = ""
        for folder in self.folders:
            try:
                check_adapter(folder, identity)
            except AdapterError as error:
                if self.strict:
                    raise
                notice = notice or str(error)
                continue
            return folder, ". ".join(filter(None, (self.trouble, notice)))
        reason = notice or f"{self.name} has no adapter yet"
        alone = f"{reason}. The base answers with the prefix alone; 'roleplay train {self.name}' gives it the voice"
        return None, ". ".join(filter(None, (self.trouble, alone)))


def choose(
    card_file: CardFile,
    home: Home,
    *,
    base: str | None = None,
    run: str | None = None,
    which: str = "best",
    trust_remote_code: bool = False,
    quant: str | None = None,
) -> Choice:
    """The typed base, else that of the chosen adapter, else the card's.

    It is kept in memory as `quant` says, else as that adapter's run kept it. Raises BaseModelError or AdapterError.
    """
    name = card_file.card.name
    folders = adapter_folders(home, name, which)
    if run is not None:
        by_run = {folder.parents[1].name: folder for folder in folders if folder.is_relative_to(home.root)}
        if run not in by_run:
            if (home.runs / name / run / "reward").is_dir():
                raise AdapterError(f"the run {run} of {name} makes a reward model, which answers nothing; name another")
            raise AdapterError(f"{name} has no finished run '{run}'; {did_you_mean(run, by_run)}")
        folders = [by_run[run]]
    wanted = base or (base_of_adapter(folders[0]) if folders else None) or card_file.card.base
    return Choice(
        name,
        parse_spec(wanted, trust_remote_code=trust_remote_code),
        quant or (quant_of_adapter(folders[0]) if folders else "none"),
        tuple(folders),
        strict=run is not None,
        trouble=promotion_trouble(home, name) if run is None else "",
    )
