"""Steps take values and return one typed value. They read no database and write nothing."""
