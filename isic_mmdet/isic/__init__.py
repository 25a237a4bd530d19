"""What the ISIC challenges look like on disk, and the way from there to a prepared data set."""
