"""Pictures made whole: what is missing is filled in."""
