"""Does it keep its promises when it is killed? `python -m evals.crash`."""
