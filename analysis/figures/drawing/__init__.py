"""What all figures share: style, panels, files, captions, axis scales."""
