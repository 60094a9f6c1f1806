"""What is made of several runs, or comes before one: comparison, studies, tuning, a first recipe."""
