"""Ray clusters: address, start, what a trial gets, checks of nodes, and whether the head lives."""
