"""What the pages are made of: each part shows one thing."""
