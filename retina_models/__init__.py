"""ResNet18 and ResNet50 written out, and where their weights come from."""
