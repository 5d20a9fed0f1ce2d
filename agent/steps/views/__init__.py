"""Several readings of one text, so that words are found however they are disguised (谐音、拆字、拼音、表情)."""
