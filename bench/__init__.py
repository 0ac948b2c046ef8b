"""The benchmark: the product, and a peer, under the same load on the same machine. Run it as `python -m bench`."""
