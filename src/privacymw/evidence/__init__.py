"""What `privacymw check` sees: the app is driven, and what it does is held against what its page says.

Nothing here reads a field, a hook or a pipeline of the promises: the claim is the page's JSON form, and the
evidence is answers, their bytes, log records and the files of the store. Else it would prove nothing.
"""
