"""Where the samples of a training go: event files of TensorBoard, a run of Weights & Biases, a function."""
