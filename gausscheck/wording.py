"""Numbers and findings in words: shared by every text that people read.

Nothing here computes a result. Whatever comes from a file (paths, keys) passes :func:`printable` first, so
that a hostile name cannot move the cursor or forge a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gausscheck.across import SharedBetween
from gausscheck.finding import LOG10_P_FLOOR, Effect, Finding
from gausscheck.report import Report, ReportError, TensorReport

__all__ = [
    "between",
    "detectable",
    "deviation",
    "duration",
    "effect",
    "error",
    "expected",
    "number",
    "observed",
    "p_phrase",
    "place",
    "printable",
    "probability",
    "reading",
    "scope",
    "size",
    "storage",
    "summary",
    "tensor_facts",
    "where_and_effect",
]


def printable(text: str) -> str:
    r"""Escape what a terminal could obey or not show: control characters, direction marks, lone surrogates.

    Examples
    --------
    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def number(x: float | None, digits: int = 4) -> str:
    """Return `x` to `digits` significant digits: ``5.49``, ``65,536``, ``1.2e-5``; ``?`` where there is none.

    Examples
    --------
    >>> number(5.4912), number(65536), number(0.0000123), number(3e12), number(float("nan"))
    ('5.491', '65,536', '1.23e-5', '3e12', '?')
    """
    if x is None or math.isnan(x):
        return "?"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    if isinstance(x, int) and abs(x) < 10**15:
        return f"{x:,d}"
    if x == 0:
        return "0"
    if 1e-4 <= abs(x) < 10**digits:
        return f"{x:.{digits}g}"
    if abs(x) < 1e7 and abs(x) >= 1:
        return f"{x:,.0f}"
    return _scientific(x, digits)


def _scientific(x: float, digits: int) -> str:
    mantissa, _, exponent = f"{x:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}"


def resolved(x: float, step: float) -> str:
    """Return `x` to the decimals in which a difference of `step` shows.

    Examples
    --------
    >>> resolved(1.00042, 1e-4), resolved(30.1412, 0.0055), resolved(1234.4, 15.0)
    ('1.00042', '30.141', '1,234')
    """
    if not (math.isfinite(x) and math.isfinite(step) and step > 0):
        return number(x)
    decimals = -math.floor(math.log10(step) - math.log10(2))
    if abs(x) >= 1e7 or decimals > 5:
        digits = 2 if x == 0 else math.ceil(math.log10(abs(x)) - math.log10(step)) + 1
        return number(x, min(max(digits, 2), 6))
    text = f"{x:,.{max(decimals, 0)}f}"
    return text if float(text.replace(",", "")) != 0 else text.removeprefix("-")


def probability(log10_p: float) -> str:
    """Return a p-value from its decimal logarithm, also where it underflows; ``0`` where H0 forbids it.

    Examples
    --------
    >>> probability(-0.377), probability(-40.52), probability(-5321.0), probability(-1e9), probability(0.0)
    ('0.42', '3e-41', '1e-5321', '0', '1')
    """
    if log10_p <= LOG10_P_FLOOR:
        return "0"
    if log10_p >= -3:
        return f"{10**log10_p:.2g}"
    exponent = math.floor(log10_p)
    mantissa = round(10 ** (log10_p - exponent))
    return f"1e{exponent + 1}" if mantissa == 10 else f"{mantissa}e{exponent}"


def p_phrase(log10_p: float) -> str:
    """Return ``p = 3e-41``."""
    return f"p = {probability(log10_p)}"


def size(nbytes: int) -> str:
    """Return a number of bytes: ``512 B``, ``1.3 MB``."""
    value = float(nbytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{nbytes} B" if unit == "B" else f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} TB"


def duration(seconds: float) -> str:
    """Return a time: ``12 ms``, ``1.2 s``, ``3 min 20 s``."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def deviation(finding: Finding) -> str:
    """Return how many standard deviations off the value is: ``+5.3 σ``; empty where H0 has none."""
    z = finding.z
    if not math.isfinite(z):
        return ""
    if abs(z) < 99.95:
        return f"{z:+.1f} σ"
    return f"{z:+,.0f} σ" if abs(z) < 1e6 else f"{'+' if z > 0 else ''}{_scientific(z, 2)} σ"


def observed(finding: Finding) -> str:
    """Return the value, to the decimals that its standard deviation resolves."""
    return _count(finding.value) if _counted(finding) else resolved(finding.value, finding.std)


def expected(finding: Finding) -> str:
    """Return the expected value, to the same decimals."""
    return _count(finding.expected) if _counted(finding) else resolved(finding.expected, finding.std)


def _counted(finding: Finding) -> bool:
    """Whether the value is a number of things, of which a part means nothing."""
    small = finding.std < 1 and finding.statistic in {"duplicates", "heaps", "tail_count"}
    return small or finding.std == 0


def _count(x: float) -> str:
    return number(int(x)) if math.isfinite(x) and x == int(x) else number(x, 2)


def effect(found: Effect | None) -> str:
    """Return ``scale 5.49 [5.46, 5.52]``, to the decimals that the interval resolves."""
    if found is None:
        return ""
    half = (found.high - found.low) / 2
    if not math.isfinite(half):
        return f"{found.name} {number(found.value)}"
    value, low, high = (resolved(x, half) for x in (found.value, found.low, found.high))
    return f"{found.name} {value} [{low}, {high}]"


def scope(finding: Finding) -> str:
    """Return ``all values``, ``worst sample #3 of 8`` or ``worst channel #0 of 4``."""
    if finding.scope == "pooled":
        return "all values"
    # Of one sample the worst part is a channel of it.
    one = finding.scope == "sample" and finding.where.get("samples") == 1 and "channel" in finding.where
    return f"worst {_numbered('channel' if one else finding.scope, finding.where)}"


def _numbered(name: str, where: Mapping[str, Any]) -> str:
    """Return ``sample #3 of 8`` from the entries ``sample`` and ``samples``."""
    which = f" #{where[name]}" if name in where else ""
    count = where.get(f"{name}s")
    return name + which + (f" of {number(count)}" if isinstance(count, int) else "")


def place(finding: Finding) -> str:
    """Return where in the data it was seen, beside the scope: ``lag (0, 1), channel 2``; often empty."""
    if finding.statistic == "nonfinite":
        return _nonfinite(finding.where)
    parts = []
    said: set[str] = {finding.scope}
    if finding.where.get("samples") == 1:
        said |= {"sample", "channel"} if finding.scope == "sample" else {"sample"}
    band = _band(finding.where)
    if band:
        said |= {"band", "axis", "low", "high"}
        parts.append(band)
    for key, value in finding.where.items():
        if isinstance(value, int) and key.removesuffix("s") in finding.where and key.endswith("s"):
            continue  # a total, said with its part
        if key in said:
            continue
        counted = isinstance(finding.where.get(f"{key}s"), int)
        parts.append(_numbered(key, finding.where) if counted else _named(key, value))
    return ", ".join(parts)


def _band(where: Mapping[str, Any]) -> str:
    """Return ``0.25 to 0.375 cycles a value along h`` or ``radius 0.5 to 0.5625 cycles a value``."""
    if not {"band", "low", "high"} <= set(where):
        return ""
    low, high = number(where.get("low")), number(where.get("high"))
    if where["band"] == "axis":
        return f"{low} to {high} cycles a value along axis {_plain('axis', where.get('axis'))}"
    return f"radius {low} to {high} cycles a value"


def _named(key: str, value: Any) -> str:
    return f"{printable(key).replace('_', ' ')} {_plain(key, value)}"


def _nonfinite(where: Mapping[str, Any]) -> str:
    kinds = {"nan": "NaN", "posinf": "+inf", "neginf": "-inf"}
    parts = [f"{number(where[key])} {word}" for key, word in kinds.items() if where.get(key)]
    if "index" in where:
        parts.append(f"the first at {_plain('index', where['index'])}")
    return ", ".join(parts)


def _plain(key: str, value: Any) -> str:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, bool) or value is None:
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, (list, tuple)):
        items = [_plain(key, v) for v in value]
        # A plural names things (channels 0 and 2); a singular has coordinates (lag (0, 1)).
        return " and ".join(items) if key.endswith("s") else f"({', '.join(items)})"
    return printable(str(value))


def where_and_effect(finding: Finding) -> str:
    """Return where it was seen and how much: ``all values · scale 5.49 [5.46, 5.52]``."""
    where = ", ".join(text for text in (scope(finding), place(finding)) if text)
    return " · ".join(text for text in (where, effect(finding.effect)) if text)


_SUBJECTS = {
    "power_spectrum": "discrepancy of the block power spectrum",
    "spectral_flatness": "flatness of the spectrum",
    "cumulative_periodogram": "distance of the cumulative periodogram from white noise",
    "spectral_peak": "largest peak of the spectrum",
    "band_power": "power in a frequency band",
    "autocorrelation": "largest autocorrelation",
    "anderson_darling": "Anderson-Darling distance from the normal law",
    "kolmogorov": "largest gap to the normal distribution function",
    "max_abs": "largest |x|",
    "tail_count": "number of values in the tail",
    "heaps": "number of values in one cell",
    "channel_correlation": "largest correlation between channels",
    "sample_correlation": "largest correlation between samples",
    "duplicates": "number of repeats",
    "nonfinite": "number of values that are not finite",
    "constant": "all values are equal",
}


def _subject(finding: Finding) -> str:
    order = finding.parameters.get("order")
    if finding.statistic == "moment":
        return {1: "mean", 2: "standard deviation"}.get(order or 0, f"mean of x^{order}")
    if finding.statistic == "hermite":
        return "mean" if order == 1 else f"mean of the Hermite polynomial {order}"
    subject = _SUBJECTS.get(finding.statistic, printable(finding.statistic).replace("_", " "))
    return subject + (" in random order" if finding.view == "permuted" else "")


def reading(finding: Finding) -> str:
    """Return one sentence about a finding.

    Examples
    --------
    ``Standard deviation is 5.490, expected 1.000: 2,637 standard errors off (p = 1e-5321).``
    """
    subject = _subject(finding)
    start = subject[0].upper() + subject[1:]
    if finding.scope != "pooled":
        start += f" in {scope(finding)}"
    if where := place(finding):
        start += f" ({where})" if finding.statistic == "nonfinite" else f" at {where}"
    if finding.statistic == "constant" and finding.value > 0:
        return f"{start} ({p_phrase(finding.log10_p)})."
    value, reference = observed(finding), expected(finding)
    if finding.statistic == "moment" and finding.parameters.get("order") == 2 and finding.value >= 0:
        root = math.sqrt(finding.expected) if finding.expected > 0 else 1.0
        value = resolved(math.sqrt(finding.value), finding.std / (2 * root))
        reference = resolved(root, finding.std / (2 * root))
    off = ""
    if math.isfinite(finding.z):
        off = f": {number(abs(finding.z), 2)} standard errors off"
    return f"{start} is {value}, expected {reference}{off} ({p_phrase(finding.log10_p)})."


def between(shared: SharedBetween) -> str:
    """Return what two tensors hold: ``a.npy and b.npy share 3 of 16 channels, bit for bit (p = 1e-40)``."""
    first, second = printable(shared.first), printable(shared.second)
    names = {"value": "scattered values", "block": "blocks of 64 values", "run": "runs of 16 values"}
    share = f"{number(shared.count)} of {number(shared.compared)} {names.get(shared.kind, f'{shared.kind}s')}"
    where = ""
    if shared.places is not None:
        (sample, unit), (other, place) = shared.places
        if shared.kind == "sample":
            where = f": sample {sample} is sample {other}"
        else:
            noun = "place" if shared.kind == "run" else shared.kind
            where = f": {noun} {unit} of sample {sample} is {noun} {place} of sample {other}"
    compared = " compared" if shared.kind in ("run", "value") else ""
    return f"{first} and {second} share {share}{compared}, bit for bit{where} ({p_phrase(shared.log10_p)})"


def storage(tensor: TensorReport) -> str:
    """Return how values are stored, and on which lattice they lie: ``float32@bf16``."""
    # bfloat16 on the bf16 lattice says the same thing twice.
    own = {"bfloat16": "bf16", "float16": "fp16"}.get(tensor.dtype)
    dtype = printable(tensor.dtype)
    return f"{dtype}@{tensor.lattice}" if tensor.lattice not in (None, own) else dtype


def tensor_facts(tensor: TensorReport) -> str:
    """Return shape, storage, number of values and combined p-value of a tensor in one line."""
    shape = "×".join(str(length) for length in tensor.shape) or "scalar"
    layout = f" ({printable(tensor.layout)})" if tensor.layout else ""
    lattice = f" on the {tensor.lattice} lattice" if tensor.lattice else ""
    values = f"{number(tensor.n)} {'value' if tensor.n == 1 else 'values'}"
    if tensor.n_effective != tensor.n:
        values += f", {number(tensor.n_effective)} of them distinct"
    return f"{shape}{layout} · {printable(tensor.dtype)}{lattice} · {values} · {p_phrase(tensor.log10_p)}"


def detectable(tensor: TensorReport) -> str:
    """Return the smallest effects that the audit would have seen, around what H0 expects; or nothing."""
    items = []
    for item in tensor.detectable:
        name = printable(str(item["name"]))
        centre = 1 if name.endswith(("scale", "ratio")) else 0
        items.append(f"{name} {centre} ± {number(item['value'], 2)}")
    return ", ".join(items) + " and beyond, with power 0.9" if items else ""


def error(problem: ReportError) -> str:
    """Return path, key and message of an error; the path once only."""
    path = printable(problem.path)
    # A line break in a name must not begin a line of its own.
    message = problem.message.replace(problem.path, path) if problem.path else problem.message
    message = "\n".join(printable(line) for line in message.splitlines())
    if message.startswith(path.rstrip("/")):
        return message
    return f"{path}[{printable(problem.key)}]: {message}" if problem.key else f"{path}: {message}"


def summary(report: Report) -> str:
    """Return the last line of a report: counts of verdicts, combined p-value, settings, time."""
    counts = {v: sum(t.verdict == v for t in report.tensors) for v in ("fail", "suspect", "pass")}
    words = {"fail": "failed", "suspect": "suspect", "pass": "passed"}
    parts = [f"{n} {words[v]}" for v, n in counts.items() if n] or ["nothing audited"]
    if report.errors:
        parts.append(f"{len(report.errors)} error{'s' if len(report.errors) > 1 else ''}")
    if report.shared:
        pairs = len(report.shared)
        parts.append(f"{pairs} {'pair' if pairs == 1 else 'pairs'} of tensors share values")
    facts = [", ".join(parts)]
    if report.tensors:
        facts.append(p_phrase(report.log10_p))
    facts += [
        f"alpha {number(report.alpha)}",
        f"battery {printable(report.battery)}",
        f"seed {report.seed}",
        duration(report.elapsed_s),
    ]
    return " · ".join(facts)
