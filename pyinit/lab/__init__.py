"""Networks seen before they learn, and trained from several initializations."""
