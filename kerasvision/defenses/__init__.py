"""What stands in front of a network against small changes of its pixels, in training and in every exported file."""
