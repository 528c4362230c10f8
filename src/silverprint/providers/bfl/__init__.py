"""Black Forest Labs, and any server that speaks its protocol."""
