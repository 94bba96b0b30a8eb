"""Label files and photographs in, batches on the device out."""
