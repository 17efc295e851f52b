"""`python -m musegen` is the command `musegen`."""

from musegen.cli import run

if __name__ == "__main__":
    run()
