"""Files, tables, processes and the machine: what every other package may use."""
