"""Where the reward model of a run lies, and what it gives."""

from pathlib import Path

from roleplay.errors import RunError
from roleplay.models.base import Base
from roleplay.paths import Home
from roleplay.preference.reward_model.files import load_reward
from roleplay.preference.reward_model.scores import reward_judge
from roleplay.preference.rewards.judged import Judge
from roleplay.text import one_line
from roleplay.training.run import find_run


def reward_folder(run: Path, which: str) -> Path:
    """Where the `best` or `last` reward model of the run in the folder `run` lies, whether there is one or not."""
    return run / "reward" / which


def find_reward(home: Home, character: str, name: str) -> Path:
    """Folder of the best reward model of the run called `name`. Raises RunError where there is none."""
    run = find_run(home, character, name)
    folder = reward_folder(run.folder, "best")
    if run.finished and folder.is_dir():
        return folder
    told, character = one_line(run.name), one_line(character)
    if folder.parent.is_dir():
        raise RunError(
            f"the reward model of the run {told} is not finished; go on with it: 'roleplay train {character} --resume "
            f"--run {told}'"
        )
    raise RunError(f"the run {told} of {character} made no reward model; 'roleplay train {character} --stage rm' does")


def model_judge(home: Home, character: str, base: Base, name: str) -> Judge:
    """What the reward model of a run gives, on the same base. Raises RunError where there is none, AdapterError."""
    return reward_judge(load_reward(base, find_reward(home, character, name)), int(base.tokenizer.pad_token_id))
