"""How whole models begin: rules by the name of the model or of the library."""
