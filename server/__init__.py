"""The outside: HTTP, console, command line, worker, channels. Reads from `store`, writes only through flows."""
