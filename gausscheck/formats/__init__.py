"""Results as text for programs and pages: JUnit XML, GitHub workflow commands, Markdown.

Each format is a pure function of a result. Sentences come from :mod:`gausscheck.wording`, what is shown first
from :mod:`gausscheck.selection`, so that a failure reads alike everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gausscheck.formats.github import github, github_validation
from gausscheck.formats.junit import junit, junit_validation
from gausscheck.formats.markdown import markdown, markdown_validation
from gausscheck.report import Report

if TYPE_CHECKING:
    from gausscheck.validation import Validation

__all__ = ["FORMATS", "VALIDATION_FORMATS", "render", "report_of"]

FORMATS: dict[str, Callable[[Report], str]] = {"junit": junit, "github": github, "markdown": markdown}
"""Name of a format -> function that renders a :class:`gausscheck.Report`."""

VALIDATION_FORMATS: dict[str, Callable[[Validation], str]] = {
    "junit": junit_validation,
    "github": github_validation,
    "markdown": markdown_validation,
}
"""Name of a format -> function that renders a validation of a generator."""


def render(result: Report | Validation, form: str) -> str:
    """Render a result; no line break at the end.

    Parameters
    ----------
    result : Report or Validation
    form : str
        One of :data:`FORMATS`.
    """
    return FORMATS[form](result) if isinstance(result, Report) else VALIDATION_FORMATS[form](result)


def report_of(result: Report | Validation) -> Report:
    """Return the report itself, or that of a validation."""
    return result if isinstance(result, Report) else result.report
