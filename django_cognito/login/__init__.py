"""Sign-in and sign-out of browsers: views, state and the hosted UI flow."""
