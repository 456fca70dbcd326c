"""What is decided about webhooks without asking anybody."""
