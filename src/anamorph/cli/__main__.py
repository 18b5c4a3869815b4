"""``python -m anamorph.cli``."""

from anamorph.cli import main

if __name__ == "__main__":
    main()
