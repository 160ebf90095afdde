"""What more than one pipeline uses."""
