"""Token status lists (draft-ietf-oauth-status-list-21): ended sessions, for services far away."""
