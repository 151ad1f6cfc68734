"""An experiment trained now and played later: one file that needs no server and no network."""
