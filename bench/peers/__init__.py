"""Applications with which authsvc is compared."""
