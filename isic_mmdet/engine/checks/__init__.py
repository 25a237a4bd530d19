"""Checks before a run starts: data, heads, weights and loaders that do not fit together."""
