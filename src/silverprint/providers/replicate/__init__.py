"""Replicate: any of its models by that model's own schema, through the queue that its predictions are."""
