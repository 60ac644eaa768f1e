"""The jobs of `serving.py`: a file for each kind, with `contests()`."""
