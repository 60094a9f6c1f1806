"""What a model does with inputs that differ from those it was trained on."""
