"""Tables and queries: the only SQL, the only `commit()`. One file a noun; `store/tables.py` gathers them all."""
