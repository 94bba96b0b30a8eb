"""What a study will run: configuration, data, weights, and checks before it resumes."""
