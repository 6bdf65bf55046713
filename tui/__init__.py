"""The terminal screens; they draw events and post messages, and own no logic."""
