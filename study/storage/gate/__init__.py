"""What is read from a study's folder is checked here, and what is removed of it."""
