"""Pictures as terminal output: placeholders, sixel and half-blocks, encoded off the event loop."""
