"""Chat models that need no network: they turn a parsed question or brief into tool calls."""
