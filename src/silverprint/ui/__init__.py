"""The full-screen front end: the only package that imports Textual."""
