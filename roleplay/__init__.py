"""Build, tune and talk to character chatbots from the terminal."""

__version__ = "0.1.0"
