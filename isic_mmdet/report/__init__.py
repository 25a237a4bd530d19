"""Plots, pictures and tables, drawn from files that a run left."""
