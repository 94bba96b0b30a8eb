"""`python -m study` is the `retina` command."""

from study.cli.app import main

if __name__ == "__main__":
    main()
