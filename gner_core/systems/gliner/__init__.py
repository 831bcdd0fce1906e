"""GLiNER: an encoder that scores every span of words against every entity type.

Its package, gliner, has an environment of its own (`environment.py`). A child process runs there
(`child.py`) and is talked to through pipes (`process.py`); nothing else imports that package.
"""
