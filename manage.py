#!/usr/bin/env python3
"""The one door: `python3 manage.py up`."""

import os
import sys

from config import bootstrap


def main():
    bootstrap.enter(sys.argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    from config import doorway

    doorway.run(sys.argv)


if __name__ == "__main__":
    main()
