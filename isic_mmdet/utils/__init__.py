"""Files, tables, processes and the machine."""
