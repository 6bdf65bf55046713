"""A model of a person's choices: a LoRA and a head on the base that it shares with whoever is rewarded."""
