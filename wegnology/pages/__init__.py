"""Pages of the installation as a whole: probes for machines, metrics, and the status page for people."""
