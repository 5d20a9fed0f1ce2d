"""The command line. Every command is an HTTP request: to the running service, or to the same application in-process."""
