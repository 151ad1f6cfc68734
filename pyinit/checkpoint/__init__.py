"""A model decided completely, then written: spec, blueprint, shards, files."""
