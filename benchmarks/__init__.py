"""Measurements of speed and memory beside the peers, each a module with a `run`."""
