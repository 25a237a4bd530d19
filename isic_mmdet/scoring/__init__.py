"""Scoring masks that lie in files: what `tools/score.py` does. Needs neither torch nor mmdet."""
