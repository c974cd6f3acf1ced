"""Mailchimp Marketing API 3.0 as the sandbox speaks it."""
