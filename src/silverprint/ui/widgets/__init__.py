"""Widgets: values in, messages out; none of them knows a service, a screen or the app."""
