"""How the shipped base model `pocket` is made: tokenizer, text mixture, pretraining, files."""
