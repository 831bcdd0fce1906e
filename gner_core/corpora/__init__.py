"""Corpora: reading published files, converting them to BIO sentences, counting, sampling."""
