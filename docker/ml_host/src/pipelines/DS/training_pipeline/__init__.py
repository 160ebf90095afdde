"""From features to a challenger in the registry."""
