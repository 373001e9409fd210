//! The last resort: servers in containers.

use std::time::Duration;

use testcontainers::core::{IntoContainerPort, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};

use crate::guard::{Guard, quote};

/// A running container, removed by its guard when the test process ends.
#[derive(Debug)]
pub struct Container {
    /// The published port on 127.0.0.1.
    pub port: u16,
    _guard: Guard,
}

/// Starts `postgres:<major>` with the harness's settings.
///
/// # Errors
/// Why no container can be had: Docker does not run, or the image cannot be had.
pub fn postgres(major: u32, settings: &[(String, String)]) -> Result<Container, String> {
    let mut arguments = vec!["postgres".to_owned()];
    for (name, value) in settings {
        arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    let image = GenericImage::new("postgres", &major.to_string())
        // The image's first server, which runs its set-up scripts, says this too, but on standard output's other end.
        .with_wait_for(WaitFor::message_on_stderr("database system is ready to accept connections"))
        .with_exposed_port(5432.tcp())
        .with_env_var("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_cmd(arguments);
    run(image, 5432)
}

/// Starts a `redis` container.
///
/// # Errors
/// As [`postgres`].
pub fn redis() -> Result<Container, String> {
    let image = GenericImage::new("redis", "7")
        .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
        .with_exposed_port(6379.tcp())
        .with_startup_timeout(Duration::from_secs(60));
    run(image, 6379)
}

fn run<I: testcontainers::Image + 'static>(
    image: testcontainers::ContainerRequest<I>,
    inner_port: u16,
) -> Result<Container, String> {
    crate::sql::blocking(async move {
        let container = image.start().await.map_err(|e| format!("no container: {e}"))?;
        let port = container.get_host_port_ipv4(inner_port).await.map_err(|e| format!("no port of the container: {e}"))?;
        let guard = Guard::with_last_command(&format!("docker rm -f -v {}", quote(container.id())));
        // The runtime of this thread ends now; the guard, not the handle, removes the container.
        std::mem::forget(container);
        Ok(Container { port, _guard: guard })
    })
}
