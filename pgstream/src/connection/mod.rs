//! Connections to a server.
