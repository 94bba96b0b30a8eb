"""The search itself: Optuna asked and told, the recorder of events, confirmations, and trials run on Ray Tune."""
