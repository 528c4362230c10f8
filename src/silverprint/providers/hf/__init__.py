"""Hugging Face: Inference Providers behind its router, and public Gradio Spaces."""
