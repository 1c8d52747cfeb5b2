"""Django's PostgreSQL, asking a pooled connection whether it lives only when it lay idle."""
