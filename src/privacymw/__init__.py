"""Middleware that keeps, tells and proves what a privacy policy promises."""
