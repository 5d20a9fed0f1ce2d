"""The web console: pages for the people of a community, rendered here, enlivened by small scripts of our own."""
