"""`python -m mmsynth`: the commands, where the script `mmsynth` is not on the path."""

from mmsynth.cli import main

if __name__ == "__main__":
    main()
