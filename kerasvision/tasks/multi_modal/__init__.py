"""One answer from several senses: a picture, a text and numbers, of which some may be missing."""
