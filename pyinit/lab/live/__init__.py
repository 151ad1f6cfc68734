"""An experiment that runs: steps, statistics of its layers, frames for a page."""
