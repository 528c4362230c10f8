"""Stand-ins: small servers that answer as the services do, with real state, for tests and for use by hand."""
