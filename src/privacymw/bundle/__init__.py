"""The bundle of evidence: what an outsider gets in one signed file, and how he verifies it."""
