"""What is kept of the data: mergeable sufficient statistics."""
