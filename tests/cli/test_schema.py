"""The JSON Schema of reports."""

import json
import math

import jsonschema
import numpy as np
import pytest
from cli.reports import error, failing, nonfinite, passing, report, tensor

import gausscheck
from gausscheck.finding import Effect
from gausscheck.report import Report
from gausscheck.schema import schema


def refuse(name: str) -> None:
    pytest.fail(f"{name} is not JSON")


def check(text: str) -> dict:
    loaded = json.loads(text, parse_constant=refuse)
    validator = jsonschema.Draft202012Validator(schema())
    validator.validate(loaded)
    return loaded


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "given",
    [
        report(passing()),
        report(passing(), failing(lattice="bf16"), errors=(error(),), notes=("x: skipped, a mask",)),
        report(tensor(findings=(nonfinite(),), verdict="fail", log_p=-math.inf)),
        report(errors=(error(),)),
        report(tensor(shape=(), layout="", n=0)),
    ],
)
def test_hand_built_reports_follow_it(given):
    assert check(given.to_json())["schema"] == "gausscheck/1"


def test_what_is_not_finite_becomes_null():
    odd = nonfinite()
    endless = tensor(
        findings=(
            odd.__class__(
                **{
                    **{f: getattr(odd, f) for f in odd.__dataclass_fields__},
                    "value": math.inf,
                    "effect": Effect("size", math.inf, math.nan, math.inf),
                    "extra": {"discrepancy": math.nan},
                }
            ),
        ),
    )
    written = check(report(endless).to_json())["tensors"][0]["findings"][0]
    assert written["value"] is None
    assert written["effect"] == {"name": "size", "value": None, "low": None, "high": None}


def test_a_real_audit_follows_it():
    x = np.random.default_rng(5).standard_normal((3, 4, 16, 16))
    x[1, 2, 3, 4] = np.nan
    result = gausscheck.audit(x, permutations=1)
    assert isinstance(result, Report)
    assert check(result.to_json())["verdict"] == "fail"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(extra_field=1),
        lambda d: d.pop("seed"),
        lambda d: d.update(verdict="maybe"),
        lambda d: d.update(schema="gausscheck/2"),
        lambda d: d.update(p_value=1.5),
        lambda d: d.update(log10_p=-math.inf),
        lambda d: d.update(alpha=0),
        lambda d: d["tensors"][0].update(comment=""),
        lambda d: d["tensors"][0].update(lattice="bf17"),
        lambda d: d["tensors"][0].update(shape=[-1]),
        lambda d: d["tensors"][0].update(layout="bchw"),
        lambda d: d["tensors"][0]["findings"][0].update(family="other"),
        lambda d: d["tensors"][0]["findings"][0].update(value=math.inf),
        lambda d: d["tensors"][0]["findings"][0].update(where={"lag": [0, math.inf]}),
        lambda d: d["tensors"][0]["findings"][0]["effect"].pop("low"),
        lambda d: d["tensors"][0]["detectable"][0].update(value=None),
        lambda d: d["errors"].append("text"),
    ],
)
def test_it_refuses(spoil):
    document = report(passing()).to_dict()
    document = json.loads(json.dumps(document))
    jsonschema.Draft202012Validator(schema()).validate(document)
    spoil(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(document)
