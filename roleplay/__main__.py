"""`python -m roleplay`."""

from roleplay.cli import main

main()
