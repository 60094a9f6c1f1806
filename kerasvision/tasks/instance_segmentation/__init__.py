"""Instance segmentation: boxes with the mask of what is in them."""
