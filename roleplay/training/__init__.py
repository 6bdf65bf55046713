"""From dataset to adapter: presets, runs, the loop, pictures."""
