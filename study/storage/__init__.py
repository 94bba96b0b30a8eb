"""A study on the disk: its home, ledger of typed events, state, lock and file, and which configuration it names."""
