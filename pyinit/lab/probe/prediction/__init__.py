"""What mean-field theory expects of each layer, and how far chance may take it."""
