"""What requests must fit and answers have: one file per resource, read by the checks and by the schema."""
