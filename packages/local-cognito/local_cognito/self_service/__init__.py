"""What people do for their own accounts: sign up, recover, prove an address; by codes that are sent to them."""
