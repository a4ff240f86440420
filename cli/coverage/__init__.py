"""Shows how complete the archive on the local stack is."""
