"""What makes a classifier wrong with small changes of a picture: one attack a file."""
