"""Own data sets: which mask belongs to which image, known layouts, labels and splits."""
