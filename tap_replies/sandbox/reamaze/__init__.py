"""Re:amaze API v1 as the sandbox speaks it."""
