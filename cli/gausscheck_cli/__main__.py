"""``python -m gausscheck_cli``."""

from gausscheck_cli.main import main

main()
