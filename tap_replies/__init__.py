"""Singer tap for what customers answer in Mailchimp and Re:amaze."""
