"""The rule of both proofs: she pauses, once at a time, and is brief."""

RULE = "says(……) + avoids(…………) + shorter(40)"
