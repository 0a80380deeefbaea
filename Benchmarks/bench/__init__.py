"""Our figures beside those of the peers, measured in turns on one machine."""
