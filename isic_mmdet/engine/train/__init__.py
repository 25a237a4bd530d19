"""Training that resumes bit for bit, writes safe checkpoints and names the images of each error."""
