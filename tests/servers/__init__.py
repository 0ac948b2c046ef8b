"""Real servers on loopback, each on a free port, stopped by process id."""
