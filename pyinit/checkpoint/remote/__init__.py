"""Checkpoints on object stores: whatever fsspec has a file system for, S3 with multipart uploads."""
