"""Members in a process of their own: limits, an almost empty environment, no network, killed when their time is over.

Importing this opens nothing. `pool.py` starts workers, `worker.py` is what they run, `sandbox.py` confines them before
any code of the member is imported.
"""
