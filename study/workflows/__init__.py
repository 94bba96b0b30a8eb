"""What each command does, from its input to its output."""
