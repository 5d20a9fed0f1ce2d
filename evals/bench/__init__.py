"""How much work is a message, and how many are too many? `python -m evals.bench`."""
