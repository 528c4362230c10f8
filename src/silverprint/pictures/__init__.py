"""Pictures as files: received, checked, written with their recipe inside, read, shrunk, compared and exported."""
