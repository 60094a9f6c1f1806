"""Following one object: remembered from one picture, found again in others."""
