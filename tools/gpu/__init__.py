"""What tools/gpu_check.sh runs on a machine with an NVIDIA device."""
