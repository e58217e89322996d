"""End logins: at a sign-out, by their age, or after a revocation, and revoke their tokens at Cognito."""
