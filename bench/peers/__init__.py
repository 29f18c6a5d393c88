"""What authsvc is measured beside."""
