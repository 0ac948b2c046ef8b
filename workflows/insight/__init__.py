"""What workflows did: traces of runs, debug values, errors, and counts by the hour."""
