"""What keeps a training run whole: repeatable steps, safe checkpoints, faults that are named."""
