"""The demo: see `demo.run`."""
