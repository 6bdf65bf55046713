"""The card: a character's YAML file, where it is found, and the prompt it makes."""
