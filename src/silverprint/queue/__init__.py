"""The queue: jobs on their way to pictures, durable at every step."""
