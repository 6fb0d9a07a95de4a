"""Is only looked for."""
