"""From official files to a prepared data set."""
