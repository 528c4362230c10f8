"""Reliability: every adapter meets everything that can go wrong with its service, and the table of what then becomes of the job."""
