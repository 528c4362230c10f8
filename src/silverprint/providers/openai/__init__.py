"""OpenAI's image models, and any server that speaks its images endpoint, over plain HTTP."""
