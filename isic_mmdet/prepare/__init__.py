"""From images with masks to a prepared data set, for official and for own files."""
