//! Makes or prunes backups, and dies at the place that it is told, as by a power cut. The tests look at what is left.
//!
//! `dying_backup PLACE create FOLDER URL` or `dying_backup PLACE prune FOLDER`.

use pgstream::Run;
use pgstream::backup::{Backup, BackupSet, CreateOptions, PruneOptions, die_at};
use pgstream::connection::{ConnectionConfig, Environment};

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [place, words @ ..] = words.as_slice() else { panic!("not understood: {words:?}") };
    die_at(place);
    match words {
        ["create", folder, url] => {
            let source = ConnectionConfig::parse(url, &Environment::empty()).expect("a good URL");
            let made = BackupSet::in_directory(*folder).create(&source, &CreateOptions::default(), &Run::new()).await;
            println!("{}", made.expect("nothing is in its way").id);
        }
        ["prune", folder] => {
            let pruned = BackupSet::in_directory(*folder).prune(&PruneOptions::keep_last(1), &Run::new()).await;
            println!("{:?}", pruned.expect("nothing is in its way"));
        }
        other => panic!("not understood: {other:?}"),
    }
}
