"""The MLflow side of a study: runs, pages, sync from the ledger, and deletion."""
