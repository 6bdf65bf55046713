"""Cards and corpora that the program writes: scaffolds, imports, and with a model's help."""
