"""Characters over HTTP: an OpenAI-compatible server on the same lanes."""
