//! `pgstream export`: a database into a file.

use std::path::Path;

use pgstream::ErrorCode;
use pgstream::archive::{Compression, CompressionMethod, Format};
use pgstream::storage::Sink;

use crate::Outcome;
use crate::args::ExportArgs;
use crate::commands::{database, nothing_named, shown_word};
use crate::engine::{self, Context, Databases};
use crate::place::{NOT_SHOWN, Place, shown};
use crate::report::{Finished, Problem};
use crate::usage::WrongUsage;

/// How a script is loaded.
const LOAD: &str = "psql -X -v ON_ERROR_STOP=1 -d DATABASE";

pub(crate) async fn run(args: &ExportArgs, context: &Context, databases: &Databases) -> Outcome {
    let from = database("--from", &args.from, "A file cannot be exported.")?;
    let output = Output::choose(args, databases, context)?;
    let source = databases.named(context, "--from", from)?;
    let report = engine::export(context, &source, output.sink, &args.options).await?;
    let finished = Finished::new(&report)?;
    Ok(match output.next {
        Some(next) => finished.next(next),
        None => finished,
    })
}

/// Where the script goes, and how.
#[derive(Debug)]
struct Output {
    sink: Sink,
    /// How it is loaded; `None` if it went into a pipe.
    next: Option<String>,
}

impl Output {
    fn choose(args: &ExportArgs, databases: &Databases, context: &Context) -> Result<Self, Problem> {
        let given = args.options.compression;
        match Place::parse(&args.to) {
            Place::Standard => Ok(Self { sink: Sink::Stdout, next: None }),
            Place::File(path) => {
                let compression = in_file(&path, args.options.format, given)?;
                let next = Some(load(&path, compression.method));
                Ok(Self { sink: Sink::Path(path), next })
            }
            Place::Store => Err(unsupported("s3:// is not supported yet").into()),
            Place::Database(word) if word.is_empty() => Err(nothing_named("--to").into()),
            Place::Database(word) => {
                databases.named(context, "--to", &word).map_err(|problem| or_file(problem, &word))?;
                let hint = format!(
                    "To write a database, use `pgstream sync --from {} --to {}`. A file has a known ending or ./ in front.",
                    shown_word(&args.from),
                    shown_word(&word),
                );
                Err(WrongUsage::new(format!("--to {} is a database, and export writes files", shown(&word)), hint).into())
            }
        }
    }
}

/// A name that is no profile is a typo, for which the profiles are listed, or was meant as a file.
fn or_file(problem: Problem, word: &str) -> Problem {
    let Problem::Failed(failure) = &problem else { return problem };
    if failure.code() != ErrorCode::ProfileUnknown {
        return problem;
    }
    let file = match shown(word) {
        NOT_SHOWN => "a path with ./ in front".to_owned(),
        word => format!("./{word}"),
    };
    let hint = format!("For a file write {file}, or a name that ends in .sql, .sql.gz, .sql.zst or .sql.lz4.");
    WrongUsage::new(failure.to_string(), hint).coded(ErrorCode::ProfileUnknown).into()
}

/// The format must be one that can be written, and the name must not say something else than the options.
fn in_file(path: &Path, format: Option<Format>, given: Option<Compression>) -> Result<Compression, WrongUsage> {
    let given_name = path.to_string_lossy();
    let name = shown(&given_name);
    match format.or_else(|| Format::from_file_name(&given_name)) {
        None | Some(Format::Plain) => {}
        Some(Format::Directory) => {
            return Err(unsupported(format!("{name} names a directory archive, which is not supported yet")));
        }
        Some(_) => return Err(unsupported(format!("{name} names a custom archive, which is not supported yet"))),
    }
    let named = Compression::from_file_name(&given_name);
    match given {
        Some(given) if named.method != CompressionMethod::None && given.method != named.method => {
            let message = format!("{name} says {}, and --compress says {}", named.method.as_str(), given.method.as_str());
            Err(WrongUsage::new(message, "Change the name, or leave --compress out."))
        }
        Some(given) => Ok(given),
        None => Ok(named),
    }
}

fn unsupported(message: impl AsRef<str>) -> WrongUsage {
    WrongUsage::new(message, "Write a plain script: a name that ends in .sql, .sql.gz, .sql.zst or .sql.lz4, or -.")
}

fn load(path: &Path, method: CompressionMethod) -> String {
    let file = shown_word(&path.to_string_lossy());
    match method {
        CompressionMethod::None => format!("{LOAD} -f {file}"),
        method => format!("{} -dc {file} | {LOAD}", method.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_how_it_is_compressed_and_the_option_may_add_to_it() {
        let zstd3: Compression = "zstd:3".parse().unwrap();
        let cases = [
            ("a.sql", None, Some("none")),
            ("a.sql.gz", None, Some("gzip")),
            ("a.sql.zst", Some(zstd3), Some("zstd:3")),
            ("./a", Some(zstd3), Some("zstd:3")),
            ("a.sql", Some(zstd3), Some("zstd:3")),
            ("a.sql.gz", Some(zstd3), None),
            ("a.dump", None, None),
            ("a/", None, None),
        ];
        for (name, given, expected) in cases {
            let chosen = in_file(Path::new(name), None, given).map(|c| c.to_string());
            assert_eq!(chosen.as_deref().ok(), expected, "{name} {given:?}: {chosen:?}");
        }
        assert!(in_file(Path::new("a.dump"), Some(Format::Plain), None).is_ok());
    }

    #[test]
    fn a_connection_string_that_was_taken_for_a_file_is_not_repeated() {
        for name in ["u:s3cret@h/", "u:s3cret@h.dump"] {
            let wrong = in_file(Path::new(name), None, None).unwrap_err();
            assert!(!format!("{wrong:?}").contains("s3cret"), "{wrong:?}");
        }
        assert!(!load(Path::new("u:s3cret@h.sql"), CompressionMethod::None).contains("s3cret"));
        let context = Context::default();
        let environment = pgstream::connection::Environment::empty();
        let profiles = pgstream::guard::Profiles::load(&environment, None, None).unwrap();
        for word in ["postgres:/u:s3cret@h/d", "u:s3cret@h"] {
            let error = profiles.resolve(word).unwrap_err();
            let Problem::Usage(wrong) = or_file(context.untouched(error), word) else { panic!("{word}") };
            assert!(!format!("{wrong:?}").contains("s3cret"), "{wrong:?}");
        }
    }

    #[test]
    fn the_next_step_loads_the_file_as_it_is() {
        let path = Path::new("my shop.sql");
        assert_eq!(load(path, CompressionMethod::None), "psql -X -v ON_ERROR_STOP=1 -d DATABASE -f 'my shop.sql'");
        assert_eq!(load(Path::new("a.zst"), CompressionMethod::Zstd), "zstd -dc a.zst | psql -X -v ON_ERROR_STOP=1 -d DATABASE");
    }
}
