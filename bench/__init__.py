"""Benchmarks: what privacymw costs, beside what it is compared with, in one run."""
