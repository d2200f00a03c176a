"""What can go wrong, as a handful of classes.

Each class is also a builtin exception, so that code that knows nothing of this
package can still catch it. A message says what was found, where, what was
expected, and what to do.
"""

from __future__ import annotations

__all__ = [
    "ArgumentError",
    "DataError",
    "FileFormatError",
    "GausscheckError",
    "GaussianityError",
    "GeneratorError",
]


class GausscheckError(Exception):
    """Base of every error that gausscheck raises on purpose."""


class ArgumentError(GausscheckError, ValueError):
    """An option has a value that cannot be used. Correct the call; the message lists what is allowed."""


class DataError(GausscheckError, ValueError):
    """The array cannot be tested (empty, too small, integers, complex …).

    Pass other data, or the flag that the message names.
    """


class FileFormatError(GausscheckError, OSError):
    """A file cannot be read: missing, not what its name says, cut short, or hostile.

    Nothing of it was used. Check the path, or write the file anew.
    """


class GeneratorError(GausscheckError, RuntimeError):
    """A generator failed while values were drawn from it: it raised, or gave what cannot be tested.

    Values that it gave before stand. Correct the generator; what it raised is the cause of this error.
    """


class GaussianityError(GausscheckError, AssertionError):
    """The data is not Gaussian noise; raised by :func:`gausscheck.assert_gaussian` with a readable report.

    Attributes
    ----------
    report : gausscheck.Report
        The full result.
    """

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message)
        self.report = report
