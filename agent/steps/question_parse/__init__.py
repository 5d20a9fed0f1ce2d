"""A manager's question in Chinese, read without a model: what is asked, over which days, broken down by what."""
