"""The four errors of privacymw, named by whose fault it is."""


class PrivacyError(Exception):
    """Whatever privacymw raises; never raised itself."""


class SettingsError(PrivacyError):
    """The operator's settings cannot be obeyed; the text lists every fault and how to mend it."""


class StoreError(PrivacyError):
    """The environment fails us: a folder, a key, a database, a full disk."""


class BrokenPromise(PrivacyError):
    """The evidence contradicts the policy page."""
