"""Reads configs and applies overrides, and refuses settings that nothing would read."""
