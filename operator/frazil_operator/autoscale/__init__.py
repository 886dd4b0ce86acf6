"""The size of each fleet: what pods say of their load, and what is decided from it."""
