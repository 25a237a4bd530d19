"""The report of an evaluation as one HTML page, made from files that a run left."""
