"""MLflow beside the ledger: which experiment is a study's, which runs, where artifacts lie, and what is refused."""
