"""Every architecture of transformers and timm, made by pyinit's three ways and compared with eager torch."""
