"""What every home of the archive on this machine needs: places, programs in the background, an exchange, stack.json."""
