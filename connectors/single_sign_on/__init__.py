"""Signing in once for all: OpenID Connect and SAML, spoken by allauth, over the guarded door (docs/decisions/0033).

`adapter` is what allauth asks, `door` how it speaks with others, `arriving` who comes in and with which roles.
"""
