"""Numbers about texts, used by training, chat and evaluation."""
