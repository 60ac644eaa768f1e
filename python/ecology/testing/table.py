"""Every fault under a name: what tests run through, what the command line takes, what the documentation lists.

>>> sorted(name for name in FAULTS if name.startswith("truncated"))
['truncated']
"""

from __future__ import annotations

from collections.abc import Mapping

from .breaks import Close, Delay, Hang, NotHttp, Reset, Trickle, Truncated
from .fault import Fault, Phase
from .wrongs import (
    BadJson,
    ManyHeaders,
    NotFinite,
    OversizeBody,
    OversizeHeaders,
    Redirect,
    Refused,
    ServerError,
    TooManyRequests,
    WrongShape,
    WrongUsage,
)

__all__ = ["FAULTS"]

FAULTS: Mapping[str, Fault] = {
    **{f"hang_{phase}": Hang(phase) for phase in Phase},
    **{f"close_{phase}": Close(phase) for phase in Phase},
    **{f"reset_{phase}": Reset(phase) for phase in Phase},
    "trickle_headers": Trickle("headers"),
    "trickle_body": Trickle("body"),
    "delay": Delay(),
    "truncated": Truncated(),
    "not_http": NotHttp(),
    "not_json": BadJson("html"),
    "cut_json": BadJson("cut"),
    "too_many_requests": TooManyRequests(),
    "too_many_requests_date": TooManyRequests(form="date"),
    "too_many_requests_ms": TooManyRequests(form="ms"),
    "server_error": ServerError(500),
    "unavailable": ServerError(503, retry_after_s=1),
    "refused_finish_reason": Refused("finish_reason"),
    "refused_content_filter": Refused("content_filter"),
    "refused_content_policy_violation": Refused("content_policy_violation"),
    "redirect": Redirect(),
    "shape_no_choices": WrongShape("no_choices"),
    "shape_empty_choices": WrongShape("empty_choices"),
    "shape_choices_object": WrongShape("choices_object"),
    "shape_content_not_text": WrongShape("content_not_text"),
    "shape_not_an_object": WrongShape("not_an_object"),
    "nan": NotFinite("nan"),
    "infinity": NotFinite("inf"),
    "negative_infinity": NotFinite("-inf"),
    "usage_negative": WrongUsage("negative"),
    "usage_missing": WrongUsage("missing"),
    "usage_fraction": WrongUsage("fraction"),
    "usage_huge": WrongUsage("huge"),
    "usage_text": WrongUsage("text"),
    "oversize_body": OversizeBody(),
    "oversize_body_unstated": OversizeBody(stated=False),
    "oversize_headers": OversizeHeaders(),
    "many_headers": ManyHeaders(),
}
