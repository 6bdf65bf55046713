"""From what was heard to measures, a section a file."""
