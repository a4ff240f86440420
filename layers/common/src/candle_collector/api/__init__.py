"""The HTTP side: keys, request bodies, response shapes and error statuses."""
