"""Measurements of speed and memory compared with the baselines, each a module with a `run`."""
