"""One file per peer, ours included."""
