"""What a person can do where DynamoDB refuses."""

from __future__ import annotations

_MISSING = frozenset({"AccessDeniedException", "ResourceNotFoundException"})


def refusal(what: str, error: Exception, *codes: str) -> str:
    """Return a failure's message: what was refused, why, and the remedy where one is known.

    Parameters
    ----------
    codes
        DynamoDB's, of the refusal.
    """
    remedy = ". Deploying again restores a right or a table that is missing." if _MISSING & set(codes) else ""
    return f"{what}: {str(error).rstrip('.') if remedy else error}{remedy}"
