"""The best model of a study: looked up, explained, exported, and used on photographs."""
