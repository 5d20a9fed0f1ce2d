"""What decides: `steps` are pure thinking, `flows` are the use cases that read, think, then write."""
