"""The core: values and pure functions. It knows no screen, no network, no file and no clock."""
