"""One trial: data, network, epochs, checkpoints, and its evaluation on the test split."""
