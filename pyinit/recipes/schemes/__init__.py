"""More than an initialization: rules, with the learning rates and multipliers that belong to them."""
