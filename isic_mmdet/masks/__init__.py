"""Masks and boxes as plain arrays: NumPy only, so that any part of the project can import it."""
