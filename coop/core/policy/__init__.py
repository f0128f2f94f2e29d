"""What a policy is: its schema, its signed bundle, its compiled form, and the difference of two. Pure; no database."""
