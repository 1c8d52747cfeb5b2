"""The verifier of the ledger: a program of its own, which needs Python, psycopg and cryptography and nothing of Tandem.

Copy this folder anywhere and run `python -m verify`. `encoding` and `tree` are also what Tandem writes and seals with:
there is one form of an entry, and one place that says what it is (docs/ledger.md).
"""
