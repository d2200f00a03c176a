"""The pytest plugin: a fixture that checks noise, and one budget of false alarms for the whole run.

Nothing but the standard library is imported before a test checks something. The hooks are in
:mod:`gausscheck.pytest_plugin.plugin`.
"""
