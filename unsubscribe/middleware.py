from __future__ import annotations


def public_doors(get_response):
    return get_response
