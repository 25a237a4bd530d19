"""Plots, images and tables, drawn from files that a run left."""
