//! Accounts on a real database: first administrator, sign-in, waits, sessions, links.
