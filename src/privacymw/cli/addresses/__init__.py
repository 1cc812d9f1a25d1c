"""`privacymw addresses`: the log, for whoever has to find out what is wrong, and the proof that it forgets."""
