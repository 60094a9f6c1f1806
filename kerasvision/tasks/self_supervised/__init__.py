"""Learning without labels: embedders trained on views of pictures, whose backbones go into other architectures."""
