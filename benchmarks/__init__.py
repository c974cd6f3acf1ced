"""What is timed, and how; see README.md beside it."""
