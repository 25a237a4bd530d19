"""Heads that compute targets and losses of all images of a batch at once, for GPUs."""
