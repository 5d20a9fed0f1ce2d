"""What every room may know: settings, errors, privacy, text, clock, log, vocabulary. Imports no other room."""
