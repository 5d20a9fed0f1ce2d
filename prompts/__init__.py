"""Texts that are rendered: prompts for a model, and the frames around curated answers. A leaf: imports only core."""
