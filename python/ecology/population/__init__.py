"""What exists: manifests, contracts, prices, stages, and the registry that remembers them."""

from .contract import ANY, Contract, Privilege
from .digest import content_digest, pin
from .history import HistoryEvent
from .manifest import Digest, Manifest
from .price import Price
from .reference import find
from .registry import Registry
from .role import Role, Tier
from .stage import Stage

__all__ = [
    "ANY",
    "Contract",
    "Digest",
    "HistoryEvent",
    "Manifest",
    "Price",
    "Privilege",
    "Registry",
    "Role",
    "Stage",
    "Tier",
    "content_digest",
    "find",
    "pin",
]
