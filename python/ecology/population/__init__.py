"""What exists: manifests, contracts, prices, stages, and the registry that remembers them."""

from .contract import ANY, Contract, Privilege
from .manifest import Digest, Manifest
from .price import Price
from .role import Role, Tier
from .stage import Stage

__all__ = ["ANY", "Contract", "Digest", "Manifest", "Price", "Privilege", "Role", "Stage", "Tier"]
