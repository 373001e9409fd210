//! Starts a private cluster, says where it is, and waits to be killed: the harness's own test looks at what is left.

use pgstream_tests::cluster::{Cluster, majors};

fn main() {
    let cluster = Cluster::private(majors()[0], &[]);
    let postmaster = std::fs::read_to_string(cluster.folder().join("data/postmaster.pid")).expect("the server runs");
    println!("{} {}", postmaster.lines().next().expect("the first line is the pid"), cluster.folder().display());
    loop {
        std::thread::park();
    }
}
