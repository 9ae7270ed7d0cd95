"""The same job on the same broker and the same events, in this project and in its peers: `python -m bench.peers`."""
