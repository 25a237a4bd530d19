"""Masks and boxes as plain arrays: NumPy only, so that no part of the project is too light for it."""
