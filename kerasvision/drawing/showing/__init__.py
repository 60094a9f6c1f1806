"""How predictions are shown to people, one file a form of answer: in words, as rows of a table, on their pictures."""
