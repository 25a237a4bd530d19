"""The lesion data sets as MMDetection sees them, their transforms and their checks."""
