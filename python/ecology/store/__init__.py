"""Where things are kept: `database` opens it, `schema` says what is in it, `migrations` change that.

Importing this package costs nothing; `database` and `schema` load SQLAlchemy and are imported by whoever opens a
registry, at that moment.
"""
