"""Where things live, what the person has set, and what was on the screen last."""
