"""A broken site in a process of its own, as `check` starts it to set its clock forward."""

import os

import mutants
from checked import wsgi_app
from mutation import VARIABLE, put_in
from privacymw import wsgi

name, _, mutant = os.environ[VARIABLE].partition("/")
if mutant:
    put_in(next(each for each in mutants.MUTANTS if each.name == mutant))
app = wsgi.PrivacyMiddleware(wsgi_app(mutants.SITES[name].pages))
