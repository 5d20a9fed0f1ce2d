"""Flows are the use cases: read, think with steps, then write in one transaction."""
