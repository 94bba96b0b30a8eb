"""The `retina` command: flags, help, exit codes."""
