"""What happened, for people: attributions as trees."""

from .tree import attribution_tree

__all__ = ["attribution_tree"]
