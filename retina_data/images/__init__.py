"""One photograph: decoding, field of view, quality."""
