"""Messages of errors: nothing in them is a command to a terminal or to a CI runner."""

from gausscheck_cli.guard import complain


def test_lines_of_a_message_are_no_workflow_commands(capsys):
    complain("it raised ValueError: x\n::error::forged\n  ::set-output name=a::b\n::: c\nplain :: d")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert not any(line.lstrip().startswith("::") for line in lines)
    assert lines[-1] == "plain :: d"


def test_control_characters_are_shown(capsys):
    complain("a\x1b[31mred")
    assert "\x1b" not in capsys.readouterr().err
