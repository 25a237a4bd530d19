"""Detector, neck, heads, losses and test-time augmentation of the recipes."""
