"""Signing in by OAuth 2: a person's consent, tokens that are kept sealed and renewed once for all who wait.

`endpoint` speaks with the authorization server, `tokens` keeps what it gives, `consent` leads a person there and back,
`door` sends requests with what is valid now.
"""
