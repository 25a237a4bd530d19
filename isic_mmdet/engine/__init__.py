"""What surrounds a run: its checks before it starts, its folder, its checkpoints."""
