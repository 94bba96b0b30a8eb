"""Fields of a trial and of a study, search space, arms, early stopping, YAML."""
