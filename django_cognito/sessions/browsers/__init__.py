"""What a login stores of its browser: the IP address and the user agent."""
