use clap::CommandFactory;

use super::*;
use crate::usage::WrongUsage;

fn parse(words: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(words.split_whitespace())
}

fn wrong(words: &str) -> WrongUsage {
    WrongUsage::of(&parse(words).expect_err(words)).unwrap_or_else(|| panic!("{words}: not wrong"))
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_examples_and_the_top_shows_the_first_steps() {
    for command in Cli::command().get_subcommands() {
        let help = command.clone().render_long_help().to_string();
        assert!(help.contains("Examples:\n  pgstream "), "{}", command.get_name());
    }
    let help = Cli::command().render_help().to_string();
    for step in ["pgstream profiles list", "pgstream sync --from", "pgstream export --from"] {
        assert!(help.contains(step), "{step} is not in\n{help}");
    }
}

#[test]
fn every_example_is_understood() {
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = help.strip_prefix("Examples:\n").unwrap_or_default();
        for line in examples.lines().map(str::trim).filter(|line| line.starts_with("pgstream ")) {
            assert!(line.len() <= 76, "{line} is wrapped on a terminal of 80 columns");
            let line = line.split(['|', '>']).next().unwrap_or_default();
            // Values in quotes are one word each; their blanks do not matter here.
            let words: Vec<String> = line.split('\'').enumerate().fold(Vec::new(), |mut words, (at, part)| {
                match at % 2 {
                    0 => words.extend(part.split_whitespace().map(str::to_owned)),
                    _ => words.push(part.to_owned()),
                }
                words
            });
            assert!(Cli::try_parse_from(&words).is_ok(), "{line}: {}", Cli::try_parse_from(&words).unwrap_err());
        }
    }
}

#[test]
fn options_keep_the_names_that_pg_dump_gave_them() {
    let both = "-n s -N s -t t -T t -e x --exclude-table-data d -s -O -x -j 2 --no-comments --no-tablespaces --strict-names";
    for ends in ["export --from a --to x.sql -c --if-exists -Z 9 -F p --force", "sync --from a --to b", "check --from a --to b"] {
        let words = format!("pgstream {ends} {both}");
        assert!(parse(&words).is_ok(), "{words}: {}", parse(&words).unwrap_err());
    }
    let Command::Export(args) = parse("pgstream export --from a --to - -n s -n t -a").unwrap().command else { panic!() };
    assert_eq!((args.options.filter.schemas.len(), args.options.output.data_only), (2, true));
}

#[test]
fn a_dash_is_standard_output_and_takes_it_from_the_report() {
    assert!(parse("pgstream export --from a --to -").unwrap().command.writes_to_stdout());
    assert!(!parse("pgstream export --from a --to ./-").unwrap().command.writes_to_stdout());
}

#[test]
fn what_is_not_supported_is_named_with_what_to_do_instead() {
    let cases = [
        ("pgstream restore --from x.sql --to local", "`pgstream restore`", "pgstream import"),
        ("pgstream import --from x.sql --to local --mode swap", "--mode swap", "empty"),
        ("pgstream diff --from a --to b", "`pgstream diff`", "verify"),
        ("pgstream swap list", "`pgstream swap`", "sync"),
        ("pgstream sync --from a --to b --mode swap", "--mode swap", "empty"),
        ("pgstream sync --from a --to b --mask m.toml", "--mask", "--exclude-table-data"),
        ("pgstream export --from a --to x.dump --format custom", "--format custom", "plain script"),
        ("pgstream export --from a --to x/ -F d", "--format d", "plain script"),
        ("pgstream export --from a --to x.sql --inserts", "--inserts", "COPY"),
        ("pgstream export --from a --to x.sql --rows-per-insert=5", "--rows-per-insert", "COPY"),
        ("pgstream export --from a -f x.sql", "-f", "--to"),
        ("pgstream export -d a --to x.sql", "-d", "--from"),
        ("pgstream sync --from a --to b --yes", "--yes", "--confirm"),
    ];
    for (words, named, instead) in cases {
        let wrong = wrong(words);
        assert!(wrong.message.contains(named) && wrong.hint.contains(instead), "{words}: {wrong:?}");
    }
}

#[test]
fn what_nobody_knows_is_refused_with_the_way_to_the_help() {
    for words in
        ["pgstream sync --from a --to b --frob", "pgstream frob", "pgstream sync --from a", "pgstream sync --from a --to b x"]
    {
        let wrong = wrong(words);
        assert!(wrong.hint.contains("--help`"), "{words}: {wrong:?}");
        assert!(!wrong.message.is_empty() && !wrong.message.contains('\n'), "{words}: {wrong:?}");
    }
}

#[test]
fn a_password_is_not_repeated_in_what_is_wrong() {
    let cases = [
        "pgstream sync postgres://u:s3cret@h/d --to b",
        "pgstream sync --from a --to b --jobs postgres://u:s3cret@h/d",
        "pgstream postgres://u:s3cret@h/d",
        "pgstream sync --from a --to b --form=postgres://u:s3cret@h/d",
        "pgstream completions password=s3cret",
        "pgstream sync postgres://u:p?s3cret@h/d --to b",
        "pgstream sync postgres:/u:s3cret@h/d --to b",
        "pgstream sync u:s3cret@h --to b",
        "pgstream u:s3cret@h",
    ];
    let split = cases.map(|words| words.split(' ').collect::<Vec<_>>());
    // Words with blanks in them, as a shell passes what stands in quotes.
    let with_blank = "postgres://u:two s3cret@h/d";
    let whole =
        [vec!["pgstream", with_blank], vec!["pgstream", "sync", with_blank], vec!["pgstream", "sync", "--jobs", with_blank]];
    for words in split.into_iter().chain(whole) {
        let told = format!("{:?}", WrongUsage::of(&Cli::try_parse_from(&words).unwrap_err()).unwrap());
        assert!(!told.contains("s3cret"), "{words:?}: {told}");
    }
}

#[test]
fn help_and_version_are_not_wrong() {
    for words in ["pgstream --help", "pgstream sync -h", "pgstream --version"] {
        assert_eq!(WrongUsage::of(&parse(words).expect_err(words)), None, "{words}");
    }
}

#[test]
fn options_that_stand_in_the_tables_of_missing_ones_do_not_exist() {
    for command in Cli::command().get_subcommands() {
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let known = format!("--{option}");
            // These are missing in other commands.
            let is_elsewhere = [
                ("--plan", "sync"),
                ("--plan", "import"),
                ("--globals", "import"),
                ("--encoding", "import"),
                ("--no-table-access-method", "export"),
                ("--restrict-key", "export"),
                ("--snapshot", "export"),
                ("--snapshot", "sync"),
                ("--snapshot", "check"),
                ("--no-backup", "import"),
                ("--no-backup", "sync"),
            ]
            .contains(&(known.as_str(), command.get_name()));
            assert!(is_elsewhere || !crate::usage::is_listed(&known), "{known} of {}", command.get_name());
        }
    }
}

/// Options in the documents that are not pgstream's, or that are named because they do not exist.
const OTHER_OPTIONS: [(&str, &str); 11] = [
    ("docs/backups.md", "--template of createdb"),
    ("docs/preflight.md", "--create of pg_dump"),
    ("docs/formats.md", "--single-transaction of psql"),
    ("docs/formats.md", "--create is listed as not written yet"),
    ("docs/formats.md", "--inserts is listed as not written yet"),
    ("docs/formats.md", "--column-inserts is listed as not written yet"),
    ("docs/formats.md", "--rows-per-insert is listed as not written yet"),
    ("docs/testing.md", "--workspace of cargo"),
    ("docs/testing.md", "--bindir of pg_config"),
    ("README.md", "--path of cargo"),
    ("README.md", "--locked of cargo"),
];

/// Every `--option` that stands in a text.
fn options_in(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let words = text.split(|c: char| !(is_part(c) || c.is_ascii_uppercase() || c == '_'));
    let options = words.filter_map(|word| Some((word, word.strip_prefix("--")?)));
    options
        .filter(|(_, name)| name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_part))
        .map(|(w, _)| w)
        .collect()
}

fn documents() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = folder.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}"));
    let names = names.chain(["README.md".to_owned()]);
    names.map(|name| (std::fs::read_to_string(root.join(&name)).unwrap(), name)).map(|(text, name)| (name, text)).collect()
}

#[test]
fn every_option_in_the_documents_exists() {
    let mut top = Cli::command();
    top.build();
    let mut known = vec!["--help".to_owned(), "--version".to_owned()];
    for command in top.get_subcommands().flat_map(|command| [command].into_iter().chain(command.get_subcommands())) {
        for argument in command.get_arguments() {
            let names = argument.get_long().into_iter().chain(argument.get_all_aliases().into_iter().flatten());
            known.extend(names.map(|name| format!("--{name}")));
        }
    }
    let documents = documents();
    assert!(documents.len() > 5, "{} documents", documents.len());
    let is_other = |file: &str, option: &str| {
        OTHER_OPTIONS.iter().any(|(in_file, why)| *in_file == file && why.split(' ').next() == Some(option))
    };
    let unknown: Vec<String> = documents
        .iter()
        .flat_map(|(file, text)| options_in(text).into_iter().map(move |option| (file.as_str(), option)))
        .filter(|(file, option)| !known.iter().any(|name| name == option) && !is_other(file, option))
        .map(|(file, option)| format!("{file}: {option}"))
        .collect();
    assert_eq!(unknown, [""; 0]);
    for (file, why) in OTHER_OPTIONS {
        let option = why.split(' ').next().unwrap();
        let text = documents.iter().find(|(name, _)| name == file).map(|(_, text)| text.as_str()).unwrap_or_default();
        assert!(options_in(text).contains(&option), "{file} no longer has {option}: remove the exception");
        assert!(!known.iter().any(|name| name == option), "{option} exists: remove the exception");
    }
}

#[test]
fn options_are_found_in_texts() {
    assert_eq!(
        options_in("`--mode swap`, (--no-owner) --verify=none -- --- a--b <!-- x --> --A"),
        ["--mode", "--no-owner", "--verify"]
    );
}
