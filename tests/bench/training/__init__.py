"""Training steps of this project beside those of other trainers: same samples, same model, same gradient."""
