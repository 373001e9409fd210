//! What the operator asked for, read once at the start.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use pgstream::connection::Environment;
use subtle::ConstantTimeEq;

/// Where the service listens if `PORT` is not set.
const DEFAULT_PORT: u16 = 8080;

/// Where the service listens, and who may talk to it.
#[derive(Debug)]
pub(crate) struct Config {
    /// `BIND` and `PORT`. Port 0 lets the system choose one.
    pub(crate) address: SocketAddr,
    /// `API_KEY`.
    pub(crate) key: Option<ApiKey>,
}

/// A key that a request must show. `Debug` does not show it.
pub(crate) struct ApiKey(String);

impl ApiKey {
    /// Whether `given` is this key. How long that takes tells nothing about where the two differ.
    pub(crate) fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// Why the service does not start. Values are not repeated: they may be secrets in the wrong variable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A variable that cannot be understood.
    #[error("{variable} cannot be understood: {problem}")]
    Invalid { variable: &'static str, problem: &'static str },
    /// Everybody on the network could use the service.
    #[error("BIND is not a loopback address and there is no API_KEY: everybody who reaches this machine could use the service")]
    OpenToTheNetwork,
    /// The service runs in production without a key.
    #[error("{variable} is production and there is no API_KEY")]
    ProductionWithoutKey { variable: &'static str },
}

impl ConfigError {
    /// What to do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "Correct the variable, or unset it to get the default.",
            Self::OpenToTheNetwork => "Set API_KEY to a long random text, or unset BIND to listen on 127.0.0.1.",
            Self::ProductionWithoutKey { .. } => "Set API_KEY to a long random text.",
        }
    }
}

impl Config {
    /// Reads `BIND`, `PORT`, `API_KEY`, `APP_ENV` and `NODE_ENV`. A variable that is empty counts as not set.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that cannot be understood, and for a service that would be open to everybody.
    pub(crate) fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        let var = |name| environment.var(name).map(str::trim).filter(|value| !value.is_empty());
        if var("API_KEYS").is_some() {
            let problem = "named keys do not exist yet; use API_KEY";
            return Err(ConfigError::Invalid { variable: "API_KEYS", problem });
        }
        let bind = var("BIND").map_or(Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)), parse_bind)?;
        let port = var("PORT").map_or(Ok(DEFAULT_PORT), parse_port)?;
        let config = Self { address: SocketAddr::new(bind, port), key: var("API_KEY").map(|key| ApiKey(key.to_owned())) };
        if config.key.is_none() {
            if let Some(variable) = ["APP_ENV", "NODE_ENV"].into_iter().find(|name| var(name) == Some("production")) {
                return Err(ConfigError::ProductionWithoutKey { variable });
            }
            if !bind.is_loopback() {
                return Err(ConfigError::OpenToTheNetwork);
            }
        }
        Ok(config)
    }
}

fn parse_bind(text: &str) -> Result<IpAddr, ConfigError> {
    if text == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let problem = "it is no IP address, such as 127.0.0.1 or ::1";
    text.parse().map_err(|_| ConfigError::Invalid { variable: "BIND", problem })
}

fn parse_port(text: &str) -> Result<u16, ConfigError> {
    text.parse().map_err(|_| ConfigError::Invalid { variable: "PORT", problem: "it is no number from 0 to 65535" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let environment = variables.iter().fold(Environment::empty(), |e, (name, value)| e.with(*name, *value));
        Config::from_environment(&environment).map_err(|e| e.to_string())
    }

    #[test]
    fn without_variables_it_listens_on_loopback_without_a_key() {
        let config = read(&[("BIND", ""), ("PORT", " "), ("API_KEY", "")]).unwrap();
        assert_eq!((config.address.to_string().as_str(), config.key.is_none()), ("127.0.0.1:8080", true));
    }

    #[test]
    fn the_network_is_open_with_a_key_only() {
        let cases = [
            ("0.0.0.0", "", false),
            ("::", "", false),
            ("192.0.2.1", "", false),
            ("::1", "", true),
            ("127.0.0.2", "", true),
            ("localhost", "", true),
            ("0.0.0.0", "k", true),
        ];
        for (bind, key, is_admitted) in cases {
            let outcome = read(&[("BIND", bind), ("API_KEY", key)]);
            assert_eq!(outcome.is_ok(), is_admitted, "BIND={bind} API_KEY={key}: {outcome:?}");
        }
    }

    #[test]
    fn production_needs_a_key_even_on_loopback() {
        for variable in ["APP_ENV", "NODE_ENV"] {
            assert!(read(&[(variable, "production")]).unwrap_err().contains(variable));
            assert!(read(&[(variable, "production"), ("API_KEY", "k")]).is_ok());
            assert!(read(&[(variable, "development")]).is_ok());
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named_and_not_repeated() {
        for (variable, value) in [("PORT", "65536"), ("PORT", "http"), ("BIND", "example.org"), ("API_KEYS", "s3cret:x")] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert!(error.contains(variable) && !error.contains(value), "{error}");
        }
    }

    #[test]
    fn a_key_is_equal_to_itself_only_and_is_not_shown() {
        let key = read(&[("API_KEY", "s3cret")]).unwrap().key.unwrap();
        assert!(key.is("s3cret") && !key.is("s3cre") && !key.is("S3cret") && !key.is(""));
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }
}
