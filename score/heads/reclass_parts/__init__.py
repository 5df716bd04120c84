"""What the head reclass is built of."""
