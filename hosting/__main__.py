"""``python -m hosting`` is the ``hosting`` command."""

from hosting.faces.cli import main

if __name__ == "__main__":
    main()
