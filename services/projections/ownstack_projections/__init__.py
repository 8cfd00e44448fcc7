"""History → read model: what each fact does to the rows that queries read."""
