"""The one error type a person using `tide-aws` sees.

Its message says what went wrong and what to do next; the command prints it without a traceback.
"""

from __future__ import annotations


class LocalAwsError(Exception):
    """Something the person running the command can act on."""
