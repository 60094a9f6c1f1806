"""Pictures for people, by Pillow: marks on images, sheets of images."""
