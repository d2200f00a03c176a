"""A result as workflow commands of GitHub Actions: a few annotations; the rest goes to the step summary.

GitHub keeps ten annotations of a kind and step, and drops a step summary above 1 MiB altogether.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from gausscheck import selection, wording
from gausscheck.formats import looks as of_looks
from gausscheck.formats.markdown import markdown, markdown_validation
from gausscheck.report import Report, ReportError, TensorReport
from gausscheck.text import cut

if TYPE_CHECKING:
    from gausscheck.validation import Validation

__all__ = ["MOST_ANNOTATIONS", "MOST_BYTES", "github", "github_validation", "step_summary"]

MOST_ANNOTATIONS = 10
MOST_BYTES = 900_000
"""Of a step summary, all that is in the file together."""

_LONGEST_NAME = 120
# Longer ones are cut by the runner.
_LONGEST_MESSAGE = 4000


class _Annotation(NamedTuple):
    kind: str
    title: str
    message: str
    file: str = ""


def github(report: Report) -> str:
    """Return at most ten annotations and the summary of a report, one a line.

    One a failed tensor, with its worst finding; then what could not be audited; then suspect tensors.
    """
    return _lines(_of_report(report), wording.summary(report))


def github_validation(validation: Validation) -> str:
    """Return at most ten annotations and the summary of a validation, one a line."""
    return _lines(_of_validation(validation), of_looks.summary(validation))


def step_summary(result: Report | Validation, *, room: int = MOST_BYTES) -> str:
    """Return a result as Markdown of at most `room` bytes; tensors that have no room are left out whole."""
    if isinstance(result, Report):
        return markdown(result, limit=room)
    return markdown_validation(result, limit=room)


def _of_report(report: Report) -> Iterator[_Annotation]:
    tensors = selection.by_severity(report.tensors)
    for tensor in tensors:
        if tensor.verdict == "fail":
            yield _of_tensor(tensor, "error", "failed")
    for item in report.shared:
        if item.verdict == "fail":
            yield _Annotation("error", "gausscheck: copies across tensors", wording.between(item))
    yield from _of_errors(report.errors)
    if not report.tensors and not report.errors:
        yield _Annotation("error", "gausscheck: nothing audited", wording.summary(report))
    for tensor in tensors:
        if tensor.verdict == "suspect":
            yield _of_tensor(tensor, "warning", "suspect")


def _of_tensor(tensor: TensorReport, kind: str, word: str) -> _Annotation:
    text = selection.sentence(tensor) or wording.tensor_facts(tensor)
    hints = [f"hint: {wording.printable(hint)}" for hint in tensor.hints]
    title = f"gausscheck: {_name(tensor.name)} {word}"
    return _Annotation(kind, title, "\n".join([text, *hints]), _file(tensor.path))


def _file(path: str) -> str:
    """Return the path of a file; empty for the name of a generator, such as ``numpy:PCG64``."""
    return "" if ":" in path[2:] else path


def _of_errors(errors: Iterable[ReportError]) -> Iterator[_Annotation]:
    for problem in errors:
        title = f"gausscheck: {_name(problem.path)} could not be tested"
        yield _Annotation("error", title, wording.error(problem), _file(problem.path))


def _of_validation(validation: Validation) -> Iterator[_Annotation]:
    name = _name(validation.source)
    replay = f"replay: {wording.printable(validation.replay)}"
    decider = of_looks.decider(validation)
    if decider is not None:
        text = "\n".join([*of_looks.story(decider), replay])
        yield _Annotation("error", f"gausscheck: {name} failed", text)
    if fault := of_looks.fault(validation):
        yield _Annotation("error", f"gausscheck: {name} drifts", f"{fault}\n{replay}")
    for problem in validation.errors:
        yield _Annotation("error", f"gausscheck: {name} stopped", f"{wording.error(problem)}\n{replay}")
    for look in validation.undecided:
        text = "\n".join([*of_looks.story(look), replay])
        yield _Annotation("warning", f"gausscheck: {name} suspect", text)


def _lines(annotations: Iterable[_Annotation], summary: str) -> str:
    every = list(annotations)
    lines = [_command(annotation) for annotation in every[:MOST_ANNOTATIONS]]
    if len(every) > MOST_ANNOTATIONS:
        lines.append(f"{len(every) - MOST_ANNOTATIONS} more are in the step summary")
    return "\n".join([*lines, summary])


def _command(annotation: _Annotation) -> str:
    properties = {"file": wording.printable(annotation.file), "title": annotation.title}
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{annotation.kind} {given}::{_data(annotation.message[:_LONGEST_MESSAGE])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _name(name: str) -> str:
    return cut(wording.printable(name), _LONGEST_NAME)
