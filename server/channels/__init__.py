"""How things leave for the channels' bots."""
