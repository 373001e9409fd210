//! Connections to a server.

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};

use crate::error::{ConnectionError, ServerError};

/// One session for queries.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    major: u32,
    parameters: HashMap<String, String>,
}

impl Connection {
    /// Connects.
    pub async fn open_url(url: &str) -> Result<Self, ConnectionError> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(|e| wrap(&e))?;
        let version = connection.parameter("server_version").unwrap_or("0").to_owned();
        tokio::spawn(connection);
        let major = version.split(['.', ' ', 'b', 'r', 'd']).next().and_then(|v| v.parse().ok()).unwrap_or(0);
        Ok(Self { client, major, parameters: HashMap::new() })
    }

    /// Runs one query, in one round trip.
    pub async fn query(&self, sql: &str, params: &[(&(dyn ToSql + Sync), Type)]) -> Result<Vec<Row>, ConnectionError> {
        self.client.query_typed(sql, params).await.map_err(|e| wrap(&e))
    }

    /// Runs statements.
    pub async fn batch(&self, sql: &str) -> Result<(), ConnectionError> {
        self.client.batch_execute(sql).await.map_err(|e| wrap(&e))
    }

    /// The server's major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// A parameter of the session.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters.get(name).cloned()
    }
}

fn wrap(e: &tokio_postgres::Error) -> ConnectionError {
    match e.as_db_error() {
        Some(db) => ConnectionError::Server { server: String::new(), source: ServerError::from(db) },
        None => ConnectionError::Lost { server: String::new(), problem: e.to_string() },
    }
}
