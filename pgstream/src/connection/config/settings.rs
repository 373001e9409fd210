//! Where each parameter's value comes from: the string, then the service file, then the environment, then the default.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::keyword::{self, KEYWORDS, Support};
use super::secret::Secret;
use super::text::Pairs;
use super::{parse_error, service_file, text};
use crate::connection::Environment;
use crate::error::ConnectionError;

/// The values by keyword, before they are understood.
#[derive(Default)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, Secret>,
    pub(crate) warnings: Vec<String>,
    pub(crate) is_pooled: bool,
}

/// Whether an error may repeat the name of a parameter. A password that was written without quotes or percent signs falls apart
/// into words that look like parameters.
fn may_repeat_names(text: &str, pairs: &Pairs) -> bool {
    match text::url_body(text) {
        Some(body) => body.find(['/', '?']).is_none_or(|end| !body[end..].contains('@')),
        None => !pairs.iter().any(|(name, _)| name == "password"),
    }
}

impl Settings {
    /// Collects all sources.
    pub(crate) fn collect(text: &str, env: &Environment) -> Result<Self, ConnectionError> {
        let mut settings = Self::default();
        let pairs = text::split(text)?;
        let may_repeat_names = may_repeat_names(text, &pairs);
        for (name, value) in pairs {
            settings.store(&name, value, may_repeat_names, true)?;
        }
        settings.add_service(env)?;
        for (name, variable) in KEYWORDS.iter().filter_map(|k| Some((k.name, k.env?))) {
            if let Some(value) = env.var(variable) {
                settings.store(name, value.to_owned(), true, false)?;
            }
        }
        Ok(settings)
    }

    fn add_service(&mut self, env: &Environment) -> Result<(), ConnectionError> {
        let service = self.given("service").or_else(|| env.var("PGSERVICE").map(str::to_owned));
        let Some(service) = service else { return Ok(()) };
        let pairs: Pairs = service_file::look_up(&service, self.given("servicefile").as_deref(), env)?;
        pairs.into_iter().try_for_each(|(name, value)| self.store(&name, value, false, false))
    }

    /// Keeps a value. A later source does not replace what an earlier one said; within the string the last one wins.
    fn store(&mut self, name: &str, value: String, may_repeat_name: bool, replace: bool) -> Result<(), ConnectionError> {
        let Some(keyword) = keyword::find(name) else { return self.store_foreign(name, &value, may_repeat_name) };
        if let (Support::Refused(why), false) = (keyword.support, value.is_empty()) {
            return Err(parse_error(&format!("parameter {}", keyword.name), why.into(), "Remove the parameter."));
        }
        if replace || !self.values.contains_key(keyword.name) {
            self.values.insert(keyword.name, Secret::new(value));
        }
        Ok(())
    }

    fn store_foreign(&mut self, name: &str, value: &str, may_repeat_name: bool) -> Result<(), ConnectionError> {
        if let Some(known) = keyword::foreign(name) {
            let is_pooler = known == "pgbouncer" && value.eq_ignore_ascii_case("true");
            self.is_pooled |= is_pooler;
            self.warnings.push(match is_pooler {
                true => "pgbouncer=true: the connection is taken to go through a pooler".into(),
                false => format!("the connection parameter {known} belongs to another program and has no effect"),
            });
            return Ok(());
        }
        let what = if may_repeat_name { format!("parameter {name:?}") } else { "string".into() };
        let hint = match keyword::closest(name).filter(|_| may_repeat_name) {
            Some(meant) => format!("Did you mean {meant}?"),
            None => {
                "See \"Parameter Key Words\" in PostgreSQL's manual; quote or percent-encode a password's special characters."
                    .into()
            }
        };
        Err(parse_error(&what, "there is no such parameter".into(), &hint))
    }

    /// The value, if any source gave one. It may be empty.
    pub(crate) fn given(&self, name: &'static str) -> Option<String> {
        debug_assert!(keyword::find(name).is_some(), "{name} is not in the list of keywords");
        self.values.get(name).map(|v| v.reveal().to_owned())
    }

    /// The value, if any source gave one that is not empty.
    pub(crate) fn text(&self, name: &'static str) -> Option<String> {
        self.given(name).filter(|v| !v.is_empty())
    }

    /// A whole number as libpq reads them: blanks around it are fine.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<i32>, ConnectionError> {
        let Some(value) = self.text(name) else { return Ok(None) };
        i32::from_str(value.trim()).map(Some).map_err(|_| {
            parse_error(&format!("parameter {name}"), "it is not a whole number".into(), "Write a number without a unit.")
        })
    }

    /// One of a list of words. `choices` go from word to meaning.
    pub(crate) fn choice<T: Copy>(&self, name: &'static str, choices: &[(&str, T)]) -> Result<Option<T>, ConnectionError> {
        let Some(value) = self.given(name) else { return Ok(None) };
        match choices.iter().find(|(word, _)| *word == value) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                let problem = "it is not one of its values".into();
                Err(parse_error(&format!("parameter {name}"), problem, &format!("Write one of: {}.", words.join(", "))))
            }
        }
    }

    /// `1` or `0`, where anything but the latter counts as yes.
    pub(crate) fn switch(&self, name: &'static str, default: bool) -> bool {
        self.text(name).map_or(default, |value| value != "0")
    }
}
