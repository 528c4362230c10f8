"""Google's Gemini image models, over plain HTTPS."""
