"""What may be looked up or proposed. A tool is a plain function whose first parameter is the `Caller`."""
