"""The command line: the same services as the screen, and no logic of its own."""
